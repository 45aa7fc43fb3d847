import errno
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from sagan.data.config import AcquisitionConfig
from sagan.data.sources.acquire import acquire
from sagan.data.sources.digits import digit_pictures
from tests.drawn_images import draw_image_folder

DIGITS = AcquisitionConfig(source="digits")


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    """Content and modification time of every file below a folder."""
    return {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def test_digits_are_the_real_ones(tmp_path):
    from sklearn.datasets import load_digits

    folder = acquire(DIGITS, tmp_path)
    assert folder.class_names == tuple("0123456789")
    assert sum(folder.facts()["images"].values()) == 1797
    digits = load_digits()
    for image in folder:
        row = int(Path(image.path).stem)
        assert digits.target[row] == int(image.class_name)
        with Image.open(folder.path / image.path) as picture:
            assert picture.mode == "L"
            assert np.array_equal(np.asarray(picture), np.rint(digits.images[row] * 255 / 16))


def test_a_disk_that_is_full_while_digits_are_written_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space left on device while writing") as said:
        acquire(DIGITS, tmp_path)
    assert said.value.filename == str(tmp_path / "digits")


def test_every_sixth_digit_of_a_class_is_for_validation():
    by_class: dict[str, list[tuple[str, str]]] = {}
    for name in digit_pictures():
        split, digit, row = name.split("/")
        by_class.setdefault(digit, []).append((row, split))
    for rows in by_class.values():
        splits = [split for _, split in sorted(rows)]
        assert splits == ["val" if n % 6 == 5 else "train" for n in range(len(rows))]


def test_complete_digits_are_reused(tmp_path):
    acquire(DIGITS, tmp_path)
    before = snapshot(tmp_path)
    acquire(DIGITS, tmp_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("damage", ["removed", "truncated", "repainted"])
def test_changed_digits_are_named_and_not_put_back(tmp_path, damage):
    folder = acquire(DIGITS, tmp_path)
    victim = folder.path / "train/3" / sorted(p.name for p in folder.path.glob("train/3/*"))[0]
    if damage == "removed":
        victim.unlink()
    elif damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:40])
    else:
        Image.new("L", (8, 8)).save(victim)
    before = snapshot(tmp_path)
    with pytest.raises(
        FileExistsError, match=f"changed since it was written: train/3/{victim.name}"
    ):
        acquire(DIGITS, tmp_path)
    assert snapshot(tmp_path) == before


def test_what_was_added_to_the_digits_stays_and_is_said(tmp_path, caplog):
    folder = acquire(DIGITS, tmp_path)
    (folder.path / "note.txt").write_text("mine")
    (folder.path / ".DS_Store").touch()
    acquire(DIGITS, tmp_path)
    assert (folder.path / "note.txt").read_text() == "mine"
    assert [text for text in caplog.messages if "note.txt" in text and "DS_Store" not in text]


def test_a_killed_writing_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / ".digits.999999999.saving/train/0").mkdir(parents=True)  # an earlier run, kill -9

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "save", full)
        with pytest.raises(OSError, match="No space left"):
            acquire(DIGITS, tmp_path)
    assert list(tmp_path.iterdir()) == []
    acquire(DIGITS, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["digits"]


def test_a_folder_is_used_in_place(tmp_path):
    root = draw_image_folder(tmp_path / "mine")
    before = snapshot(tmp_path)
    folder = acquire(AcquisitionConfig(source="folder", path=str(root)), tmp_path / "workspace")
    assert folder.path == root
    assert snapshot(tmp_path) == before


def test_a_folder_source_without_path_says_what_to_give(tmp_path):
    with pytest.raises(ValueError, match=r"--params=acquisition\.path=/your/images"):
        acquire(AcquisitionConfig(source="folder"), tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone' does not exist"):
        acquire(AcquisitionConfig(source="folder", path=str(tmp_path / "gone")), tmp_path)


def test_digits_take_no_path():
    with pytest.raises(ValidationError, match="use source 'folder' for your own images"):
        AcquisitionConfig(source="digits", path="/some/images")


def test_an_unknown_source_and_a_misspelt_key_are_refused():
    with pytest.raises(ValidationError, match="'digits', 'folder', 'ilsvrc2012', 'kaggle'"):
        AcquisitionConfig(source="cifar")
    with pytest.raises(ValidationError, match="source 'kaggle' has labels of its own"):
        AcquisitionConfig(source="kaggle", val_labels="labels.csv")
    with pytest.raises(ValidationError, match="unknown key 'sorce'; did you mean 'source'"):
        AcquisitionConfig(sorce="digits")
