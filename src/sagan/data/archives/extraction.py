"""Resumable extraction of archives into folders, each complete under its name or absent.

A folder grows as `.<name>.partial`, with a record of what it is extracted from, and is renamed when
it is complete. A file that a killed run left with its full size is not written again; what a killed
run of another archive or selection left is removed.
"""

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from sagan.common.files import disk, require_space
from sagan.data.archives.members import ArchiveError, ArchiveMember

logger = logging.getLogger(__name__)

RECORD = ".extracted.json"
_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 4096  # what a file takes at least


class ExtractedMember(NamedTuple):
    """A member and its path relative to the extracted folder."""

    member: ArchiveMember
    path: str


def identity(archive: Path, part: str = "") -> dict[str, Any]:
    """Name, size and time of change of an archive, or of a part of it."""
    status = archive.stat()
    facts = {"archive": archive.name, "bytes": status.st_size, "changed_ns": status.st_mtime_ns}
    return facts | ({"part": part} if part else {})


def is_extracted(target: Path, made_of: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether the folder is complete: extracted from this, and as many files and bytes still."""
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if target.exists() and any(target.iterdir()):
            raise FileExistsError(
                errno.EEXIST, "exists and was not made by an extraction; move it", str(target)
            ) from None
        return False
    except ValueError:
        return False
    return bool(record == {"made_of": made_of, **_holds(target)})


def announce(what: str, files: int, needed_bytes: int, folder: Path) -> None:
    """Log the space that an extraction takes, and check that it is free.

    Raises:
        OSError: with needed and free bytes.
    """
    needed = needed_bytes + files * _BLOCK_BYTES // 2
    free = disk.free_bytes(folder)
    logger.info(
        "extracting %s: about %s files, %sB, to %s; %sB are free",
        what,
        f"{files:,}",
        tqdm.format_sizeof(needed),
        folder,
        tqdm.format_sizeof(free),
    )
    require_space(folder, needed, remedy="free some space, or name fewer acquisition.classes")


def extract(
    members: Sequence[ExtractedMember],
    target: Path,
    made_of: Any,  # noqa: ANN401 - any JSON
    on_bytes: Callable[[int], object],
) -> None:
    """Write members below a folder, which appears when it is complete.

    Args:
        members: The wanted members of open archives.
        target: The folder; what it held before is removed.
        made_of: The source to record.
        on_bytes: Called with each file's size once it is written, for progress.

    Raises:
        ArchiveError: if a member has not the size that it declared.
        OSError: if it cannot be written; what there was of it is removed.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        _begin(partial, made_of)
        for member, path in members:
            _write(member, partial / path)
            on_bytes(member.size_bytes)
        finish(partial, target, made_of)
    except Exception as error:  # an interruption keeps the part, to resume from it
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            free = disk.free_bytes(target.parent)
            reason = f"{error.strerror} while extracting ({free:,} bytes free); free some space"
            raise OSError(error.errno, reason, str(target)) from error
        raise


def finish(partial: Path, target: Path, made_of: Any) -> None:  # noqa: ANN401 - any JSON
    """Record the source of a complete folder and rename it to its target."""
    partial.mkdir(parents=True, exist_ok=True)
    (partial / RECORD).write_text(json.dumps({"made_of": made_of, **_holds(partial)}))
    if target.exists():
        logger.warning("'%s' does not match its source; replaced", target)
        shutil.rmtree(target)
    partial.rename(target)


def _begin(partial: Path, made_of: Any) -> None:  # noqa: ANN401 - any JSON
    """Keep what a killed run of the same extraction left; remove what another one left."""
    try:
        known = json.loads((partial / RECORD).read_text(encoding="utf-8"))["made_of"]
    except (OSError, ValueError, KeyError):
        known = None
    if known != made_of:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / RECORD).write_text(json.dumps({"made_of": made_of}), encoding="utf-8")


def _write(member: ArchiveMember, path: Path) -> None:
    if path.is_file() and path.stat().st_size == member.size_bytes:
        return  # a killed run wrote it
    path.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as content, path.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK_BYTES)
        written = file.tell()
    if written != member.size_bytes:
        raise ArchiveError(
            f"'{member.name}' has {written:,} bytes in the archive, which declares "
            f"{member.size_bytes:,}: it is truncated; download it again"
        )


def _holds(folder: Path) -> dict[str, int]:
    """Number and total size of the files below a folder, without its record."""
    files = total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            if name != RECORD:
                files += 1
                total += os.stat(f"{place}/{name}").st_size  # noqa: PTH116 - a million times
    return {"files": files, "file_bytes": total}
