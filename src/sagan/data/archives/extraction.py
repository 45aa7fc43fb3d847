"""Resumable extraction of archives into folders, each complete under its name or absent.

A folder grows as `.<name>.partial`, with a record of what it is extracted from, and is renamed when
it is complete. A file that a killed run left with its full size is not written again; what a killed
run of another archive or selection left is removed. A complete folder that somebody changed, or of
an archive with other contents, is refused.
"""

import errno
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sagan.common.files import HashingWriter, disk, display_path, require_space
from sagan.data.archives.members import ArchiveError, ArchiveMember
from sagan.data.archives.record import RECORD, ExtractedMember, Record, short_digest, write_record
from sagan.data.folder_names import first_five
from sagan.data.written_folder import added_files, check_unchanged, holds_nothing, refuse_to_replace

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20
_BLOCK_BYTES = 4096  # what a file takes at least


def identity(archive: Path, part: str = "") -> dict[str, Any]:
    """Name, size and time of change of an archive, or of a part of it."""
    status = archive.stat()
    facts = {"archive": archive.name, "bytes": status.st_size, "changed_ns": status.st_mtime_ns}
    return facts | ({"part": part} if part else {})


def is_extracted(
    target: Path,
    made_of: Any,  # noqa: ANN401 - any JSON
    contents: Callable[[], AbstractContextManager[Iterable[ExtractedMember]]],
    *,
    repair: bool = False,
) -> bool:
    """Whether the folder is complete: extracted from this, with all files as they were written.

    An archive with another name or time may be a copy: then what it has is compared with what was
    extracted.

    Args:
        target: The folder.
        made_of: What it should be extracted from, as it will be recorded.
        contents: Opens the members that it should have.
        repair: Whether a folder whose files have the names and sizes of the archive's, but not all
            their bytes, may be replaced, as after a damaged archive; else it is refused.

    Raises:
        FileExistsError: somebody changed it, or it was made of something else.
    """
    if holds_nothing(target):
        return False
    record = Record(target)
    if record.made_of != made_of and _classes(record.made_of) != _classes(made_of):
        check_unchanged(target, record.lost | set(added_files(record.added)), ())
        return False
    if record.made_of != made_of or (record.later and not record.has_digests):
        logger.info("comparing '%s' with %s", display_path(target), _named(made_of))
        with contents() as members:
            content, others = record.differing(members)
        differing = sorted([*content, *others])
        if record.made_of == made_of:
            check_unchanged(target, differing, ())
        elif others or (content and not (repair and record.has_digests)):
            what = f"was made of {_named(record.made_of)}, and not of {_named(made_of)}"
            files = f"{len(differing):,} files differ: {first_five(differing)}"
            refuse_to_replace(target, f"{what}; {files}")
        elif content:
            check_unchanged(target, record.lost | set(added_files(record.added)), ())
            names = first_five(differing)
            logger.warning("'%s' is extracted again: %s", display_path(target), names)
            return False
    check_unchanged(target, record.lost, record.added)
    record.confirm(made_of)
    return True


def _classes(made_of: Any) -> Any:  # noqa: ANN401 - any JSON
    """The classes of an archive to which a folder is limited."""
    return made_of.get("classes") if isinstance(made_of, dict) else None


def _named(made_of: Any) -> str:  # noqa: ANN401 - any JSON
    """Names and sizes of archives, for a message."""
    if isinstance(made_of, list):
        return first_five([_named(one) for one in made_of])
    if not isinstance(made_of, dict) or "bytes" not in made_of:
        return json.dumps(made_of)
    return f"'{made_of['archive']}' ({made_of['bytes']:,} bytes)"


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
    members: Iterable[ExtractedMember],
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
        digests = {}
        for member, path in members:
            if digest := _write(member, partial / path):
                digests[path] = digest
            on_bytes(member.size_bytes)
        finish(partial, target, made_of, digests)
    except Exception as error:  # an interruption keeps the part, to resume from it
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            free = disk.free_bytes(target.parent)
            reason = f"{error.strerror} while extracting ({free:,} bytes free); free some space"
            raise OSError(error.errno, reason, str(target)) from error
        raise


def finish(
    partial: Path,
    target: Path,
    made_of: Any,  # noqa: ANN401 - any JSON
    digests: Mapping[str, str] | None = None,
) -> None:
    """Record a complete folder and rename it to its target; digests as far as they are known."""
    partial.mkdir(parents=True, exist_ok=True)
    write_record(partial, made_of, digests or {})
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


def _write(member: ArchiveMember, path: Path) -> str | None:
    """Write a file; returns its digest, or None if it is there."""
    if path.is_file() and path.stat().st_size == member.size_bytes:
        return None  # a killed run wrote it
    path.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as content, path.open("wb") as file:
        writer = HashingWriter(file)
        shutil.copyfileobj(content, writer, _CHUNK_BYTES)
    written = writer.size_bytes
    if written != member.size_bytes:
        raise ArchiveError(
            f"'{member.name}' has {written:,} bytes in the archive, which declares "
            f"{member.size_bytes:,}: it is truncated; download it again"
        )
    return short_digest(writer.sha256())
