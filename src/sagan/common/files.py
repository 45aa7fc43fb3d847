"""Atomic replacement of files and folders: written beside the target, synced, then renamed.

A reader sees the old file or the new one, never a part. What a killed process leaves behind has a
hidden temporary name with its process id; the next save of the same artefact removes it, and
`remove_orphans` removes all in a folder. All that can fail goes through `disk`.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


class Disk:
    """Operations on the disk that can fail; tests inject faults by replacing methods of `disk`."""

    def temporary_path(self, target: Path) -> Path:
        """Hidden path beside the target, with the process id."""
        return target.with_name(f".{target.name}.{os.getpid()}.saving")

    def sync(self, path: Path) -> None:
        """Force a file, or a folder's list of names, to disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file over another, atomically."""
        source.replace(target)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a file with its times."""
        shutil.copy2(source, target)

    def free_bytes(self, folder: Path) -> int:
        """Free space of the folder's file system [bytes]."""
        return shutil.disk_usage(folder).free


disk = Disk()

_TEMPORARY = re.compile(r"\.(?P<target>.+)\.(?P<pid>\d+)\.saving")
_being_written: set[Path] = set()  # temporaries of this process


class HashingWriter:
    """A binary file that computes the SHA-256 of what is written to it.

    `torch.save` replaces an error of the underlying file by its own; `error` keeps the first.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash = file, hashlib.sha256()
        self.size_bytes = 0
        self.error: OSError | None = None

    def write(self, data: bytes | memoryview) -> int:
        """Write all of `data`."""
        try:
            written = self._file.write(data)
        except OSError as error:
            self.error = self.error or error
            raise
        self._hash.update(data)
        self.size_bytes += written
        return written

    def flush(self) -> None:
        """Flush the buffer to the operating system."""
        self._file.flush()

    def sha256(self) -> str:
        """SHA-256 of all that was written, in hexadecimal."""
        return self._hash.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_sha256(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """SHA-256 of a value as JSON with sorted keys, in hexadecimal."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def source_hash(*places: str) -> str:
    """Twelve hexadecimal digits of this package's source files.

    Args:
        places: files and folders of the package, such as `common/pixels.py`, `models`.

    Raises:
        FileNotFoundError: a place is not there, or is a folder without source files.
    """
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for place in (root / name for name in places):
        files = _modules(place)
        if not files:
            raise FileNotFoundError(errno.ENOENT, "no source code to hash", str(place))
        for file in files:
            name = file.relative_to(root).with_suffix(".py").as_posix()
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def _modules(place: Path) -> list[Path]:
    """Source files of a folder, or one; their byte code where it was installed without them."""
    if place.is_dir():
        return sorted(place.rglob("*.py")) or sorted(place.rglob("*.pyc"))
    return [file for file in (place, place.with_suffix(".pyc")) if file.is_file()][:1]


def display_path(path: Path) -> Path:
    """The path relative to the current folder if it is inside, else as it is."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def require_space(folder: Path, needed_bytes: int, *, remedy: str) -> None:
    """Check that a folder is writable and has enough free space, before work for it begins.

    Args:
        folder: An existing folder; a small file is written to it and removed again.
        needed_bytes: Space that the work will take [bytes].
        remedy: What the user can do, the end of the message.

    Raises:
        OSError: ENOSPC if there is less space; the system's error if nothing can be written.
    """
    probe = disk.temporary_path(folder / "probe")
    try:
        try:
            probe.write_bytes(b"0")
            disk.sync(probe)
        finally:
            _remove(probe)
    except OSError as error:
        reason = f"{error.strerror}: nothing can be written to this folder; {remedy}"
        raise OSError(error.errno, reason, str(folder)) from error
    free = disk.free_bytes(folder)
    if free < needed_bytes:
        reason = (
            f"{os.strerror(errno.ENOSPC)}: {needed_bytes:,} bytes needed, {free:,} bytes free; "
            f"{remedy}"
        )
        raise OSError(errno.ENOSPC, reason, str(folder))


@contextmanager
def replacing_file(target: Path, *, needed_bytes: int | None = None) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; put it in the target's place on success.

    Args:
        target: The final path; its folder is made if need be.
        needed_bytes: Expected size, where it is known, for the message about a full disk [bytes].

    Raises:
        OSError: when writing fails (a full disk, no permission). The temporary file is removed
            then, and what the target held before is untouched.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_orphans(target.parent, target.name)
    temporary = disk.temporary_path(target)
    _being_written.add(temporary.absolute())
    try:
        yield temporary
        disk.sync(temporary)
        disk.replace(temporary, target)
        disk.sync(target.parent)
    except OSError as error:
        if error.errno is None:  # not raised by the system
            raise
        _remove(temporary)  # before free space is measured for the message
        raise _while_writing(target, error, needed_bytes) from error
    finally:
        _remove(temporary)
        _being_written.discard(temporary.absolute())


@contextmanager
def replacing_folder(
    target: Path, *, needed_bytes: int | None = None, sync: bool = True
) -> Iterator[Path]:
    """Yield an empty folder beside the target; swap it with what is there on success.

    A folder cannot be renamed over another, so for an instant the target is absent and its former
    content lies beside it as `.<name>.previous`; `restore_folder` undoes a crash in that instant.

    Args:
        target: The final folder, or a link, which stays: the folder that it names is replaced.
        needed_bytes: Expected size, where it is known, for the message about a full disk [bytes].
        sync: Whether to force the files to disk; False for many that can be made again.

    Raises:
        OSError: when writing fails, as `replacing_file`; the target is as it was then.
    """
    target = _behind_link(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    restore_folder(target)
    remove_orphans(target.parent, target.name)
    temporary, previous = disk.temporary_path(target), _previous_name(target)
    _being_written.add(temporary.absolute())
    try:
        temporary.mkdir()
        yield temporary
        for path in sorted(temporary.rglob("*")) if sync else ():
            disk.sync(path)
        if target.exists():
            target.rename(previous)
        temporary.rename(target)
        disk.sync(target.parent)
    except BaseException as error:
        restore_folder(target)
        _remove(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            raise _while_writing(target, error, needed_bytes) from error
        raise
    finally:
        _being_written.discard(temporary.absolute())
    _remove(previous)


def restore_folder(target: Path) -> None:
    """Finish or undo a folder swap that a crash cut short."""
    target = _behind_link(target)
    previous = _previous_name(target)
    if not previous.exists():
        return
    if target.exists():
        _remove(previous)
    else:
        previous.rename(target)


def remove_orphans(folder: Path, target_name: str | None = None) -> None:
    """Remove a folder's temporary files whose process has died.

    Args:
        folder: Where to look; not below it.
        target_name: Only temporary files of this target; None: of any.
    """
    for path in folder.glob(".*.saving"):
        match = _TEMPORARY.fullmatch(path.name)
        if match is None or target_name not in (None, match["target"]):
            continue
        if path.absolute() not in _being_written and not _is_alive(int(match["pid"])):
            _remove(path)


def _while_writing(target: Path, error: OSError, needed_bytes: int | None) -> OSError:
    """The system's error with the final path and the free space."""
    needed = f"{needed_bytes:,} bytes needed, " if needed_bytes else ""
    free = disk.free_bytes(target.parent)
    reason = f"{error.strerror} while writing ({needed}{free:,} bytes free)"
    return OSError(error.errno, reason, str(target))


def _behind_link(target: Path) -> Path:
    return target.resolve() if target.is_symlink() else target


def _previous_name(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()  # a leftover under our own id is from an earlier process


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        try:
            path.unlink()
        except OSError as error:  # a read-only system says so of files that are not there too
            if error.errno not in (errno.ENOENT, errno.EROFS):
                raise
