"""Resumable extraction of archives into folders, each complete under its name or absent.

A folder grows as `.<name>.partial`, with a record of what it is extracted from, and is renamed when
it is complete. A file that a killed run left with its full size is not written again; what a killed
run of another archive or selection left is removed. A complete folder that somebody changed, or of
another archive, is refused.
"""

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from sagan.common.files import disk, require_space
from sagan.data.archives.members import ArchiveError, ArchiveMember
from sagan.data.folder_names import first_five
from sagan.data.written_folder import added_files, check_unchanged, holds_nothing, refuse_to_replace

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
    """Whether the folder is complete: extracted from this, with all files as they were written.

    Raises:
        FileExistsError: somebody changed it, or it was made of something else.
    """
    if holds_nothing(target):
        return False
    try:
        record = json.loads((target / RECORD).read_text(encoding="utf-8"))
        was = record["made_of"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        refuse_to_replace(target, "exists and was not made by an extraction")
    lost, added = _differences(target, record)
    if was == made_of:
        check_unchanged(target, lost, added)
        return True
    if _archive(was) != _archive(made_of):
        refuse_to_replace(target, f"was made of {_named(was)}, and not of {_named(made_of)}")
    written = (target / RECORD).stat().st_mtime_ns  # else other classes of the same archive
    later = [path for path in target.rglob("*") if path.lstat().st_mtime_ns > written]
    lost |= {path.relative_to(target).as_posix() for path in later if path.is_file()}
    check_unchanged(target, lost | set(added_files(added)), ())
    return False


def _archive(made_of: Any) -> Any:  # noqa: ANN401 - any JSON
    """What a folder is made of, whichever classes of it."""
    if not isinstance(made_of, dict):
        return made_of
    return {name: value for name, value in made_of.items() if name != "classes"}


def _named(made_of: Any) -> str:  # noqa: ANN401 - any JSON
    """Name, size and time of archives, for a message."""
    if isinstance(made_of, list):
        return first_five([_named(one) for one in made_of])
    if not isinstance(made_of, dict) or "changed_ns" not in made_of:
        return json.dumps(made_of)
    changed = datetime.fromtimestamp(made_of["changed_ns"] / 1e9).astimezone()
    return f"'{made_of['archive']}' ({made_of['bytes']:,} bytes, {changed:%Y-%m-%d %H:%M:%S})"


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
        target: The folder; absent, empty, or with other classes of the same archive.
        made_of: The source to record.
        on_bytes: Called with each file's size once it is written, for progress.

    Raises:
        ArchiveError: if a member has not the size that it declared.
        OSError: if it cannot be written; what there was of it is removed.
    """
    partial = partial_of(target)
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
    (partial / RECORD).write_text(json.dumps({"made_of": made_of, "sizes": _sizes(partial)}))
    target = target.resolve()
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)


def partial_of(target: Path) -> Path:
    """Where a folder grows: beside it, or beside the folder that it is a link to."""
    target = target.resolve()
    return target.with_name(f".{target.name}.partial")


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


def _sizes(folder: Path) -> dict[str, dict[str, int]]:
    """Sizes of the files below a folder, without its record, by folder and name [bytes]."""
    found: dict[str, dict[str, int]] = {}
    for place, _, names in os.walk(folder):
        sizes = {
            name: os.stat(f"{place}/{name}").st_size  # noqa: PTH116 - a million times
            for name in names
            if name != RECORD
        }
        if sizes:
            found[os.path.relpath(place, folder)] = sizes
    return found


def _differences(folder: Path, record: dict[str, Any]) -> tuple[set[str], set[str]]:
    """Files that are missing or of another size than was recorded, and files that were added."""
    sizes = _sizes(folder)
    if "sizes" not in record:  # of version 0.1.0, which recorded their number and total
        found = [size for of_place in sizes.values() for size in of_place.values()]
        same = [len(found), sum(found)] == [record.get("files"), record.get("file_bytes")]
        return (set() if same else {f"{len(found):,} files, {record.get('files')} expected"}), set()
    written: dict[str, dict[str, int]] = record["sizes"]
    lost = _lacking(written, sizes)
    return lost, _lacking(sizes, written) - lost


def _lacking(some: dict[str, dict[str, int]], others: dict[str, dict[str, int]]) -> set[str]:
    """Files of one listing that the other has not, or with another size."""
    return {
        os.path.normpath(f"{place}/{name}")
        for place, sizes in some.items()
        if sizes != (there := others.get(place, {}))
        for name, size in sizes.items()
        if there.get(name) != size
    }
