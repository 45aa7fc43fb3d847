"""Folders of results: what was changed in them since is kept, and said."""

import errno
import hashlib
import logging
import os

import pytest

from sagan.common.files import disk
from sagan.common.results import SUMS, changed_files, replace_folder, replacing_results


def write(target, text="new"):
    with replacing_results(target) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text(text)
        (folder / "README.md").write_text("card")


def texts(folder):
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder): path.read_text() for path in files}


def change(folder):
    (folder / "README.md").write_text("my own")


def add(folder):
    (folder / "note.txt").write_text("remember")


def remove(folder):
    (folder / "deep" / "file").unlink()


def test_a_folder_has_the_checksums_of_its_files(tmp_path):
    write(tmp_path / "target", "abc")

    lines = (tmp_path / "target" / SUMS).read_text().splitlines()

    assert f"{hashlib.sha256(b'abc').hexdigest()}  deep/file" in lines
    assert len(lines) == 2
    assert changed_files(tmp_path / "target") == []


def test_a_folder_as_it_was_written_is_replaced(tmp_path):
    for text in ("old", "new"):
        write(tmp_path / "target", text)
        (tmp_path / "target" / ".DS_Store").touch()  # by looking at it

    assert (tmp_path / "target" / "deep" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize(
    ("edit", "named"), [(change, "README.md"), (add, "note.txt"), (remove, "deep/file")]
)
@pytest.mark.parametrize("linked", [False, True])
def test_a_folder_that_was_changed_is_moved_aside_and_said(tmp_path, caplog, edit, named, linked):
    target = tmp_path / "target"
    if linked:
        (tmp_path / "link").symlink_to(target)
    place = tmp_path / "link" if linked else target
    for number in (1, 2):
        write(place, f"made {number}")
        edit(target)
        before = texts(target)

        with caplog.at_level(logging.WARNING):
            write(place)

        kept = tmp_path / f"target.changed-{number}"
        assert texts(kept) == before
        assert f"({named})" in caplog.messages[-1]
        assert str(kept) in caplog.messages[-1]
        assert changed_files(target) == []
    assert len(caplog.messages) == 2


def test_a_folder_without_checksums_is_moved_aside(tmp_path, caplog):
    (tmp_path / "target").mkdir()
    add(tmp_path / "target")

    write(tmp_path / "target")

    assert (tmp_path / "target.changed-1" / "note.txt").exists()
    assert f"has no {SUMS}" in caplog.text


def test_folders_in_a_folder_are_copied_too(tmp_path):
    write(tmp_path / "new", "here")

    for _ in range(2):
        replace_folder(tmp_path / "new", tmp_path / "target")

    assert (tmp_path / "target" / "deep" / "file").read_text() == "here"
    assert changed_files(tmp_path / "target") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "target"]


def test_a_disk_that_fills_up_keeps_a_changed_folder_where_it_is(tmp_path, monkeypatch):
    write(tmp_path / "target", "old")
    write(tmp_path / "new")
    add(tmp_path / "target")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(disk, "copy", full)
    with pytest.raises(OSError, match="left on device while writing"):
        replace_folder(tmp_path / "new", tmp_path / "target")

    assert (tmp_path / "target" / "note.txt").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "target"]
