import errno
import hashlib
import os

import pytest

from sagan.common.files import (
    HashingWriter,
    disk,
    display_path,
    file_sha256,
    remove_orphans,
    replacing_file,
    replacing_folder,
    require_space,
    restore_folder,
    source_hash,
)


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

    monkeypatch.setattr(disk, "sync", full)
    with pytest.raises(
        OSError, match=r"No space left on device while writing \([\d,]+ bytes free\)"
    ):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_disk_is_said_with_the_final_path(tmp_path, monkeypatch):
    """Such a disk refuses to remove a file that was never written, too."""

    def refuse(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "temporary")

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(OSError, match="Read-only") as raised, replacing_file(tmp_path / "a.json"):
        refuse()
    assert raised.value.filename == str(tmp_path / "a.json")


def test_orphans_of_dead_processes_are_removed(tmp_path):
    (tmp_path / ".file.999999999.saving").write_text("half")

    with replacing_file(tmp_path / "file") as temporary:
        temporary.write_text("new")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_orphans_of_other_files_are_left_to_their_own_next_save(tmp_path):
    (tmp_path / ".other.999999999.saving").write_text("half")

    with replacing_file(tmp_path / "file") as temporary:
        temporary.write_text("new")

    assert (tmp_path / ".other.999999999.saving").exists()


def test_a_folders_orphans_are_removed_and_nothing_else(tmp_path):
    folder = tmp_path / ".folder.999999999.saving"
    folder.mkdir()
    (folder / "part").write_text("half")
    (tmp_path / ".a.b.999999998.saving").write_text("half")
    (tmp_path / f".mine.{os.getpid()}.saving").write_text("left by an earlier process of this id")
    others = ["file", ".hidden", ".x.saving", f".living.{os.getppid()}.saving", "y.1.saving"]
    for name in others:
        (tmp_path / name).write_text("keep")

    remove_orphans(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_what_this_process_is_writing_is_no_orphan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with replacing_file(tmp_path / "file") as temporary:
        temporary.write_text("half")
        remove_orphans(tmp_path)
        remove_orphans(tmp_path.relative_to(tmp_path))
        assert temporary.exists()

    assert (tmp_path / "file").exists()


def test_the_hash_of_what_is_written(tmp_path):
    with (tmp_path / "file").open("wb") as file:
        writer = HashingWriter(file)
        assert writer.write(b"ab") == 2
        writer.write(memoryview(b"c"))
        writer.flush()
        assert (tmp_path / "file").read_bytes() == b"abc"

    assert writer.sha256() == hashlib.sha256(b"abc").hexdigest()
    assert writer.size_bytes == 3
    assert writer.error is None


def test_the_writer_keeps_the_first_error():
    with open("/dev/full", "wb", buffering=0) as file:  # noqa: PTH123 - unbuffered
        writer = HashingWriter(file)
        with pytest.raises(OSError, match="No space left"):
            writer.write(b"abc")

    assert writer.error.errno == errno.ENOSPC


def test_room_that_is_there(tmp_path):
    require_space(tmp_path, 1, remedy="make room")

    assert list(tmp_path.iterdir()) == []


def test_room_that_is_not_there_is_said_with_the_remedy(tmp_path):
    with pytest.raises(
        OSError, match=r"1,000,000,000,000,000,000 bytes needed, [\d,]+ bytes free; make room"
    ) as raised:
        require_space(tmp_path, 10**18, remedy="make room")

    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(tmp_path)


def test_a_folder_that_is_not_writable_is_said_with_the_remedy(tmp_path, monkeypatch):
    def read_only(_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(disk, "sync", read_only)

    with pytest.raises(OSError, match=r"Read-only file system: nothing can be written.*; go away"):
        require_space(tmp_path, 1, remedy="go away")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_with_the_bytes_needed_where_they_are_known(tmp_path):
    def write():
        with replacing_file(tmp_path / "file", needed_bytes=1234):
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    with pytest.raises(OSError, match=r"File too large while writing \(1,234 bytes needed, [\d,]+"):
        write()


def test_free_bytes_are_what_will_be_free_after_a_failed_write(tmp_path, monkeypatch):
    standing = []

    def usage(folder):
        standing.extend(folder.iterdir())
        return 1000

    def write():
        with replacing_file(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(disk, "free_bytes", usage)
    with pytest.raises(OSError, match=r"1,000 bytes free"):
        write()
    assert standing == []


def test_a_disk_that_fills_up_keeps_the_old_folder_and_says_it(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_text("old")

    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")

    def write():
        with replacing_folder(target, needed_bytes=3) as temporary:
            (temporary / "file").write_text("new")
            full()

    with pytest.raises(OSError, match=r"left on device while writing \(3 bytes needed") as raised:
        write()

    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(target)
    assert (target / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("there", [True, False], ids=["full", "dangling"])
def test_a_folder_that_is_a_link_is_replaced_behind_it_any_number_of_times(tmp_path, there):
    real, link = tmp_path / "elsewhere" / "real", tmp_path / "link"
    if there:
        real.mkdir(parents=True)
        (real / "old").touch()
    link.symlink_to(real)

    for text in ("first", "second", "third"):
        with replacing_folder(link) as folder:
            (folder / text).touch()

    assert link.is_symlink()
    assert [path.name for path in real.iterdir()] == ["third"]
    assert [path.name for path in real.parent.iterdir()] == ["real"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "link"]


def test_a_link_that_an_earlier_version_left_stops_nothing(tmp_path):
    """It swapped the link itself for a folder, and could not remove the link afterwards."""
    real, target = tmp_path / "real", tmp_path / "target"
    for folder in (real, target):
        folder.mkdir()
    (real / "kept").touch()
    (tmp_path / ".target.previous").symlink_to(real)

    with replacing_folder(target) as folder:
        (folder / "new").touch()

    assert [path.name for path in target.iterdir()] == ["new"]
    assert (real / "kept").exists()


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

    assert str(display_path(tmp_path / "a" / "b")) == "a/b"
    assert display_path(tmp_path.parent) == tmp_path.parent


def test_the_hash_of_sources_changes_with_what_counts_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("sagan.common.files.__file__", str(tmp_path / "common/files.py"))
    (tmp_path / "models/deep").mkdir(parents=True)
    names = ("pixels.py", "models/blocks.py", "models/deep/heads.py", "other.py")
    for name in names:
        (tmp_path / name).write_text("a = 1\n")

    def taken():
        return source_hash("pixels.py", "models")

    seen = [taken()]
    for name in names:
        (tmp_path / name).write_text("a = 2\n")
        seen.append(taken())
    assert len(set(seen[:4])) == 4
    assert set(seen[4:]) == {seen[3]}


def test_without_sources_the_byte_code_is_hashed(tmp_path, monkeypatch):
    """As `python -m compileall -b` leaves it, for an install without sources."""
    monkeypatch.setattr("sagan.common.files.__file__", str(tmp_path / "common/files.pyc"))
    (tmp_path / "models").mkdir()
    seen = set()
    for name in ("pixels.pyc", "models/blocks.pyc"):
        (tmp_path / name).write_bytes(b"code")
    for name in (None, "pixels.pyc", "models/blocks.pyc"):
        if name is not None:
            (tmp_path / name).write_bytes(b"other code")
        seen.add(source_hash("pixels.py", "models"))
    assert len(seen) == 3


def test_a_place_without_sources_is_no_part_of_a_hash(tmp_path, monkeypatch):
    monkeypatch.setattr("sagan.common.files.__file__", str(tmp_path / "common/files.py"))
    (tmp_path / "models").mkdir()
    for place in ("pixels.py", "models", "losses"):
        with pytest.raises(FileNotFoundError, match=place):
            source_hash(place)
