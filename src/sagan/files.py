"""Files saved whole or not at all: written beside the target, flushed to disk, then renamed.

A reader sees the old file or the new one, never a part. What a killed process leaves behind has a
hidden temporary name carrying its process id, and the next save of the same artefact removes it.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def short(path: Path) -> Path:
    """The path as a person in this folder would write it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@contextmanager
def replacing_file(target: Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; put it in the target's place on success.

    Args:
        target: The final path; its folder is made if need be.

    Raises:
        OSError: when writing fails (a full disk, no permission). The temporary file is removed
            then, and what the target held before is untouched.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_orphans(target)
    temporary = _temporary_name(target)
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, target)  # noqa: PTH105 - the atomic rename is the point
        _flush(target.parent)
    except OSError as error:
        if error.errno is None:  # not the system's word
            raise
        free = shutil.disk_usage(target.parent).free
        reason = f"{error.strerror} while writing ({free:,} bytes free)"
        raise OSError(error.errno, reason, str(target)) from error
    finally:
        _remove(temporary)


def replace_folder(source: Path, target: Path) -> None:
    """Copy a folder to `target`, swapping it with what is there by renames.

    A folder cannot be renamed over another, so for an instant the target is absent and its former
    content lies beside it as `.<name>.previous`; `restore_folder` undoes a crash in that instant.

    Args:
        source: The folder to copy. The same folder as `target`: nothing to do.
        target: The final folder.
    """
    if source.resolve() == target.resolve():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    restore_folder(target)
    _remove_orphans(target)
    temporary, previous = _temporary_name(target), _previous_name(target)
    try:
        shutil.copytree(source, temporary)
        for path in sorted(temporary.rglob("*")):
            _flush(path)
        if target.exists():
            target.rename(previous)
        temporary.rename(target)
        _flush(target.parent)
    except BaseException:
        restore_folder(target)
        _remove(temporary)
        raise
    _remove(previous)


def restore_folder(target: Path) -> None:
    """Finish or undo a folder swap that a crash cut short."""
    previous = _previous_name(target)
    if not previous.exists():
        return
    if target.exists():
        _remove(previous)
    else:
        previous.rename(target)


def _temporary_name(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.saving")


def _previous_name(target: Path) -> Path:
    return target.with_name(f".{target.name}.previous")


def _remove_orphans(target: Path) -> None:
    """Remove temporary files whose process has died."""
    for path in target.parent.glob(f".{target.name}.*.saving"):
        pid = path.name.removeprefix(f".{target.name}.").removesuffix(".saving")
        if pid.isdigit() and not _is_alive(int(pid)):
            _remove(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()  # a leftover under our own id is from an earlier process


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            path.unlink()


def _flush(path: Path) -> None:
    """Force a file, or a folder's list of names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
