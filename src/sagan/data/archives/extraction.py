"""Archives become folders: each whole under its name or absent, and a killed extraction goes on.

A folder grows as `.<name>.partial`, with a record of what it is extracted from, and takes its name
when it is complete. A file that a killed run left with its full size is not written again; what a
killed run of another archive or selection left goes away.
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
from sagan.data.archives.members import Archive, ArchiveError, ArchiveMember

logger = logging.getLogger(__name__)

RECORD = ".extracted.json"
_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 4096  # what a file takes at least


class ExtractedMember(NamedTuple):
    """An entry and where it goes, relative to the extracted folder."""

    entry: ArchiveMember
    place: str


def identity(archive: Path, part: str = "") -> dict[str, Any]:
    """What tells one archive, or a part of one, from another: name, size, time of change."""
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
    """Say what an extraction takes, and refuse when the disk has not that much.

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
    archive: Archive,
    placed: Sequence[ExtractedMember],
    target: Path,
    made_of: Any,  # noqa: ANN401 - any JSON
    on_bytes: Callable[[int], object],
) -> None:
    """Write entries below a folder, which appears when it is complete.

    Args:
        archive: An archive that was judged.
        placed: Its entries that are wanted.
        target: The folder; what it held before goes away.
        made_of: What the record says it was extracted from.
        on_bytes: Told of each file's size as it is there, for progress.

    Raises:
        ArchiveError: if an entry has not the size that it declared.
        OSError: if it cannot be written; what there was of it is removed.
    """
    partial = target.with_name(f".{target.name}.partial")
    try:
        _begin(partial, made_of)
        for entry, place in placed:
            _write(archive, entry, partial / place)
            on_bytes(entry.size_bytes)
        finish(partial, target, made_of)
    except Exception as error:  # an interruption leaves the part, to go on from
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            free = disk.free_bytes(target.parent)
            reason = f"{error.strerror} while extracting ({free:,} bytes free); free some space"
            raise OSError(error.errno, reason, str(target)) from error
        raise


def finish(partial: Path, target: Path, made_of: Any) -> None:  # noqa: ANN401 - any JSON
    """Put a complete folder in its place, with the record of what it was made of."""
    partial.mkdir(parents=True, exist_ok=True)
    (partial / RECORD).write_text(json.dumps({"made_of": made_of, **_holds(partial)}))
    if target.exists():
        logger.warning("'%s' does not match its source; replaced", target)
        shutil.rmtree(target)
    partial.rename(target)


def _begin(partial: Path, made_of: Any) -> None:  # noqa: ANN401 - any JSON
    """Take up what a killed run of the same extraction left; what another one left goes away."""
    try:
        known = json.loads((partial / RECORD).read_text(encoding="utf-8"))["made_of"]
    except (OSError, ValueError, KeyError):
        known = None
    if known != made_of:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / RECORD).write_text(json.dumps({"made_of": made_of}), encoding="utf-8")


def _write(archive: Archive, entry: ArchiveMember, path: Path) -> None:
    if path.is_file() and path.stat().st_size == entry.size_bytes:
        return  # a killed run wrote it
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as content, path.open("wb") as file:
        shutil.copyfileobj(content, file, _CHUNK_BYTES)
        written = file.tell()
    if written != entry.size_bytes:
        raise ArchiveError(
            f"'{entry.name}' has {written:,} bytes in the archive, which declares "
            f"{entry.size_bytes:,}: it is truncated; download it again"
        )


def _holds(folder: Path) -> dict[str, int]:
    """Number and bytes of the files below a folder, but for its record."""
    files = total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            if name != RECORD:
                files += 1
                total += os.stat(f"{place}/{name}").st_size  # noqa: PTH116 - a million times
    return {"files": files, "file_bytes": total}
