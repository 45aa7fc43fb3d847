"""A killed scan goes on where it was; nothing that changed meanwhile is taken for looked at."""

import os
from itertools import islice

import pandas as pd
import pytest

from sagan.data.config import ManifestConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest import inspection
from sagan.data.manifest import parts as manifest_parts
from sagan.data.manifest.build import build_manifest
from sagan.data.manifest.inspection import inspect_file
from sagan.data.manifest.parts import inspect_in_parts, remove_parts
from tests.drawn_images import draw_image_folder

CONFIG = ManifestConfig(workers=2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """30 images in parts of 7: four whole ones and a rest."""
    monkeypatch.setattr(manifest_parts, "PART_IMAGES", 7)
    return ImageFolder.open(draw_image_folder(tmp_path / "images"))


@pytest.fixture
def looked_at(monkeypatch):
    """Names of the files that were read."""
    seen = []

    def inspect(path, config):
        seen.append(path.name)
        return inspect_file(path, config)

    monkeypatch.setattr(inspection, "inspect_file", inspect)
    return seen


def interrupt(folder, workspace, parts):
    """Scan until so many parts are on disk, and stop as a killed process does."""
    list(islice(inspect_in_parts(folder, CONFIG, workspace), parts))


def test_parts_make_the_same_manifest_as_one_pass(folder, tmp_path, monkeypatch):
    in_parts = build_manifest(folder, CONFIG, tmp_path / "parts")
    monkeypatch.setattr(manifest_parts, "PART_IMAGES", 4096)
    pd.testing.assert_frame_equal(in_parts, build_manifest(folder, CONFIG))
    assert in_parts["path"].tolist() == [place.path for place in folder]


@pytest.mark.parametrize("parts", [1, 3, 5])
def test_what_was_looked_at_before_an_interruption_is_not_looked_at_again(
    folder, tmp_path, looked_at, parts
):
    expected = build_manifest(folder, CONFIG)
    interrupt(folder, tmp_path / "parts", parts)
    looked_at.clear()
    resumed = build_manifest(folder, CONFIG, tmp_path / "parts")
    assert len(looked_at) == max(30 - 7 * parts, 0)
    pd.testing.assert_frame_equal(resumed, expected)


def test_parts_missing_between_others_are_made(folder, tmp_path, looked_at):
    expected = build_manifest(folder, CONFIG, tmp_path / "parts")
    first, _, third, *_ = sorted((tmp_path / "parts").rglob("*.parquet"))
    third.unlink()
    first.unlink()
    looked_at.clear()
    pd.testing.assert_frame_equal(build_manifest(folder, CONFIG, tmp_path / "parts"), expected)
    assert len(looked_at) == 14


def test_a_part_is_made_again_when_a_file_in_it_changed(folder, tmp_path, looked_at):
    build_manifest(folder, CONFIG, tmp_path / "parts")
    image = folder.path / "train/00_circle/0003.png"
    status = image.stat()
    data = image.read_bytes()
    image.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # of the same size
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    looked_at.clear()
    again = build_manifest(folder, CONFIG, tmp_path / "parts")
    assert len(looked_at) == 7
    pd.testing.assert_frame_equal(again, build_manifest(folder, CONFIG))


def test_a_removed_file_shifts_and_remakes_the_parts_behind_it(folder, tmp_path):
    build_manifest(folder, CONFIG, tmp_path / "parts")
    (folder.path / "train/02_triangle/0000.png").unlink()
    fewer = ImageFolder.open(folder.path)
    again = build_manifest(fewer, CONFIG, tmp_path / "parts")
    pd.testing.assert_frame_equal(again, build_manifest(fewer, CONFIG))


def test_other_limits_use_no_part_and_leave_none_behind(folder, tmp_path, looked_at):
    build_manifest(folder, CONFIG, tmp_path / "parts")
    looked_at.clear()
    strict = CONFIG.model_copy(update={"max_pixels": 100})
    assert not build_manifest(folder, strict, tmp_path / "parts")["decodable"].any()
    assert len(looked_at) == 30
    assert len(list((tmp_path / "parts").iterdir())) == 1


def test_a_damaged_part_is_made_again(folder, tmp_path, looked_at):
    build_manifest(folder, CONFIG, tmp_path / "parts")
    (part, *_) = sorted((tmp_path / "parts").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:100])
    looked_at.clear()
    build_manifest(folder, CONFIG, tmp_path / "parts")
    assert len(looked_at) == 7


@pytest.mark.parametrize("change", ["unlink", "touch"])
def test_files_that_come_or_go_meanwhile_are_told(folder, tmp_path, change):
    name = {"unlink": "0000.png", "touch": "new.png"}[change]
    getattr(folder.path / "train/02_triangle" / name, change)()
    with pytest.raises(ValueError, match="changed while it was checked: it had 30 images"):
        build_manifest(folder, CONFIG, tmp_path / "parts")


def test_parts_are_taken_away(folder, tmp_path):
    build_manifest(folder, CONFIG, tmp_path / "parts")
    remove_parts(tmp_path / "parts")
    remove_parts(tmp_path / "parts")  # already gone
    assert not (tmp_path / "parts").exists()
