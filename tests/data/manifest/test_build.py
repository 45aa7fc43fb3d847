import hashlib
import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFile

from sagan.data.config import ManifestConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import build_manifest, data_hash, hash_records, records
from sagan.data.manifest.inspection import inspect_file
from sagan.data.manifest.parts import COLUMNS
from tests.data.bad_images import BAD, ODD, bomb
from tests.drawn_images import draw_image_folder

CONFIG = ManifestConfig(workers=2)


@pytest.fixture
def root(tmp_path):
    return draw_image_folder(tmp_path / "images")


def manifest_of(root):
    return build_manifest(ImageFolder.open(root), CONFIG)


def test_a_row_tells_all_about_an_image(root):
    manifest = manifest_of(root)
    assert tuple(manifest.columns) == COLUMNS
    assert len(manifest) == 30
    row = manifest.iloc[0].to_dict()
    data = (root / "train/00_circle/0000.png").read_bytes()
    assert pd.isna(row.pop("reason"))
    assert row == {
        "path": "train/00_circle/0000.png",
        "split": "train",
        "class_name": "00_circle",
        "width": 24,
        "height": 24,
        "mode": "RGB",
        "format": "PNG",
        "orientation": 1,
        "brightest": row["brightest"],
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "decodable": True,
    }


def test_the_number_of_workers_changes_nothing(root):
    folder = ImageFolder.open(root)
    one, five = (build_manifest(folder, ManifestConfig(workers=n)) for n in (1, 5))
    pd.testing.assert_frame_equal(one, five)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", BAD)
def test_bad_files_get_a_reason(tmp_path, name):
    make, reason = BAD[name]
    (tmp_path / name).write_bytes(make())
    facts = inspect_file(tmp_path / name, CONFIG)
    assert not facts.decodable
    assert reason in facts.reason
    assert facts.sha256 == hashlib.sha256(make()).hexdigest()


@pytest.mark.parametrize("name", ODD)
def test_odd_but_sound_files_are_decodable(tmp_path, name):
    make, mode = ODD[name]
    (tmp_path / name).write_bytes(make())
    facts = inspect_file(tmp_path / name, CONFIG)
    assert (facts.decodable, facts.reason, facts.mode) == (True, None, mode)


@pytest.mark.parametrize(
    ("image", "brightest"),
    [
        (Image.fromarray(np.array([[0, 4095]], dtype=np.uint16)), 4095 / 65535),
        (Image.fromarray(np.array([[0, 51]], dtype=np.uint8)), 0.2),
        (Image.new("RGB", (2, 2), (0, 102, 0)), 0.4),
        (Image.new("CMYK", (2, 2), (0, 0, 0, 0)), 1.0),
        (Image.new("1", (2, 2), 1), 1.0),
    ],
)
def test_the_brightest_value_is_a_part_of_the_range(tmp_path, image, brightest):
    image.save(tmp_path / "a.tif")
    assert inspect_file(tmp_path / "a.tif", CONFIG).brightest == pytest.approx(brightest)


def test_noise_that_could_be_a_tga_is_none(tmp_path):
    """The format has no signature at its start."""
    (tmp_path / "a.JPEG").write_bytes(BAD["noise.JPEG"][0]())
    assert inspect_file(tmp_path / "a.JPEG", CONFIG).format is None


def test_truncated_images_stay_refused_where_another_library_allows_them(tmp_path, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    (tmp_path / "a.JPEG").write_bytes(BAD["short.JPEG"][0]())
    assert not inspect_file(tmp_path / "a.JPEG", CONFIG).decodable


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_bomb_is_refused_before_any_pixel_is_decoded(tmp_path, monkeypatch):
    def decoded(*_):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decoded)
    (tmp_path / "bomb.png").write_bytes(bomb(9_500, 9_500))  # 271 MB once decoded
    assert inspect_file(tmp_path / "bomb.png", CONFIG).reason.startswith("decompression bomb")


def test_a_huge_file_is_not_read(tmp_path):
    (tmp_path / "a.png").write_bytes(ODD["plain.JPEG"][0]())
    facts = inspect_file(tmp_path / "a.png", ManifestConfig(max_file_bytes=100))
    assert "max_file_bytes is 100" in facts.reason
    assert facts.bytes > 100
    assert facts.sha256 is None


def test_what_is_no_file_gets_a_reason_and_does_not_hang(root):
    (root / "train/00_circle/broken_link.png").symlink_to("nowhere")
    os.mkfifo(root / "train/00_circle/pipe.png")
    manifest = manifest_of(root).set_index("path")
    assert manifest.loc["train/00_circle/pipe.png", "reason"] == "not a regular file"
    assert "cannot be read" in manifest.loc["train/00_circle/broken_link.png", "reason"]
    assert pd.isna(manifest.loc["train/00_circle/pipe.png", "bytes"])


def test_a_name_that_is_not_utf8_gets_a_reason_and_survives_parquet(root, tmp_path):
    with open(os.fsencode(root / "train/00_circle") + b"/\xff.png", "wb") as file:  # noqa: PTH123
        file.write(b"x")
    manifest = manifest_of(root)
    assert manifest["reason"].dropna().tolist() == ["file name is not UTF-8"]
    manifest.to_parquet(tmp_path / "manifest.parquet")
    assert pd.read_parquet(tmp_path / "manifest.parquet")["path"].str.contains("xff").sum() == 1


def test_the_data_hash_is_of_the_sound_images_only(root):
    before = data_hash(manifest_of(root))
    (root / "train/00_circle/broken.png").write_bytes(b"")
    manifest = manifest_of(root)
    assert data_hash(manifest) == before
    assert data_hash(manifest[manifest["decodable"]]) == before
    assert data_hash(manifest.sample(frac=1, random_state=0)) == before
    assert hash_records(records(manifest)) == before  # the same of records, one by one
    assert len(records(manifest)) == len(manifest) - 1


def test_the_data_hash_sees_content_and_place(root):
    before = data_hash(manifest_of(root))
    image = root / "train/00_circle/0000.png"
    image.rename(image.with_name("moved.png"))
    moved = data_hash(manifest_of(root))
    image.with_name("moved.png").write_bytes((root / "train/00_circle/0001.png").read_bytes())
    assert len({before, moved, data_hash(manifest_of(root))}) == 3


def test_warnings_of_pillow_name_their_images_once(root, monkeypatch, caplog, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 24 * 24 - 1)
    build_manifest(ImageFolder.open(root), CONFIG)
    (told,) = [text for text in caplog.messages if text.startswith("Pillow warns of")]
    names = [f"train/00_circle/000{n}.png" for n in range(5)]
    assert told.startswith(f"Pillow warns of {', '.join(names)}, ... (30 in all): Image size (576 ")
    assert not recwarn.list
