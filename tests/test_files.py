import errno
import hashlib
import os

import pytest

from sagan.files import file_sha256, replace_folder, replacing_file, restore_folder, short


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")

    def write():
        with replacing_file(target) as temporary:
            temporary.write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        write()

    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_said_with_path_and_free_bytes(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write():
        with replacing_file(tmp_path / "file") as temporary:
            temporary.write_text("all")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"No space left on device while writing \([\d,]+ bytes free\)"
    ):
        write()
    assert list(tmp_path.iterdir()) == []


def test_orphans_of_dead_processes_are_removed(tmp_path):
    (tmp_path / ".file.999999999.saving").write_text("half")

    with replacing_file(tmp_path / "file") as temporary:
        temporary.write_text("new")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_is_swapped_whole(tmp_path):
    new, target = tmp_path / "new", tmp_path / "target"
    for folder, text in ((new, "new"), (target, "old")):
        folder.mkdir()
        (folder / text).write_text(text)

    replace_folder(new, target)

    assert [path.name for path in target.iterdir()] == ["new"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "target"]


def test_a_swap_that_a_crash_cut_short_is_undone(tmp_path):
    previous = tmp_path / ".target.previous"
    previous.mkdir()
    (previous / "file").write_text("old")

    restore_folder(tmp_path / "target")

    assert (tmp_path / "target" / "file").read_text() == "old"


def test_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")

    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_short_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert str(short(tmp_path / "a" / "b")) == "a/b"
    assert short(tmp_path.parent) == tmp_path.parent
