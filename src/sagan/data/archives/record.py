"""The record of an extracted folder: what it was made of, and size and digest of each file.

A file that was changed after the record is hashed again; where all are as they were, the record's
time is set to now, so that they are hashed once only.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any, NamedTuple

from sagan.common.files import file_sha256, replacing_file
from sagan.common.progress import progress_bar
from sagan.data.archives.members import ArchiveMember
from sagan.data.parallel import ordered_map
from sagan.data.written_folder import refuse_to_replace

logger = logging.getLogger(__name__)

RECORD = ".extracted.json"
_CHUNK_BYTES = 1 << 20
_DIGITS = 32  # of SHA-256's 64: a million files are recorded in one JSON


class ExtractedMember(NamedTuple):
    """A member and its path relative to the extracted folder."""

    member: ArchiveMember
    path: str


def short_digest(sha256: str) -> str:
    """What is recorded of a SHA-256."""
    return sha256[:_DIGITS]


def _digest_of(file: IO[bytes]) -> str:
    sha256 = hashlib.sha256()
    while chunk := file.read(_CHUNK_BYTES):
        sha256.update(chunk)
    return short_digest(sha256.hexdigest())


class _File(NamedTuple):
    """A file as it is or was recorded."""

    size_bytes: int
    digest: str = ""
    """Empty: not known."""
    changed_ns: int = 0
    """When its content or anything of it was last changed."""


class Difference(NamedTuple):
    """Files in which an archive and an extracted folder differ."""

    content: list[str]
    """Those of one name and size, as of an archive that was damaged and repaired."""
    others: list[str]
    """Those of another size, or only in one of both."""


class Record:
    """What was recorded of a folder, compared with what it has now."""

    def __init__(self, folder: Path) -> None:
        """Read it.

        Raises:
            FileExistsError: if the folder was not made by an extraction.
        """
        self.folder = folder
        try:
            self._known = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            self.made_of = self._known["made_of"]
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            refuse_to_replace(folder, "exists and was not made by an extraction")
        if sizes := self._known.pop("sizes", None):  # of a version that was never released
            every = [size for of_place in sizes.values() for size in of_place.values()]
            self._known |= {"files": len(every), "file_bytes": sum(every)}
        self._written_ns = (folder / RECORD).stat().st_mtime_ns

    @cached_property
    def files(self) -> dict[str, _File]:
        """The recorded files by path; of version 0.1.0, those that are there."""
        places: dict[str, dict[str, Any]] | None = self._known.get("contents")
        if places is None:
            return {path: _File(file.size_bytes) for path, file in self._found.items()}
        return {
            os.path.normpath(f"{place}/{name}"): _File(*file)
            for place, files in places.items()
            for name, file in files.items()
        }

    @cached_property
    def _found(self) -> dict[str, _File]:
        return _files(self.folder)

    @property
    def has_digests(self) -> bool:
        """Whether it says what the files contain; that of version 0.1.0 does not."""
        return "contents" in self._known

    @cached_property
    def later(self) -> list[str]:
        """Files that were changed, moved or copied after the record, with the size they had."""
        return [
            path
            for path, file in self._found.items()
            if file.changed_ns > self._written_ns
            and path in self.files
            and self.files[path].size_bytes == file.size_bytes
        ]

    @cached_property
    def lost(self) -> set[str]:
        """Files that are missing or changed."""
        found = self._found
        if not self.has_digests:
            now = [len(found), sum(file.size_bytes for file in found.values())]
            was = [self._known.get("files"), self._known.get("file_bytes")]
            return set() if now == was else {f"{now[0]:,} files, {was[0]} expected"}
        lost = {
            path
            for path, file in self.files.items()
            if path not in found or found[path].size_bytes != file.size_bytes
        }
        digests = _hashed(self.folder, self.later)
        return lost | {path for path in self.later if digests[path] != self.files[path].digest}

    @cached_property
    def added(self) -> set[str]:
        """Files that were not recorded."""
        return self._found.keys() - self.files.keys()

    def differing(self, contents: Iterable[ExtractedMember]) -> "Difference":
        """Compare the recorded files with the members that a folder should have."""
        left, damaged, others = dict(self.files), [], []
        bar = progress_bar("comparing files", len(left), "files", iterable=contents, leave=False)
        for member, path in bar:
            known = left.pop(path, None)
            if known is None or known.size_bytes != member.size_bytes:
                others.append(path)
                continue
            digest = known.digest or _hashed(self.folder, [path])[path]
            with member.open() as content:
                if _digest_of(content) != digest:
                    damaged.append(path)
        return Difference(damaged, [*others, *left])

    def confirm(self, made_of: Any) -> None:  # noqa: ANN401 - any JSON
        """Record that the files are what they were, so that the next start need not hash them."""
        try:
            if made_of != self.made_of or (self.later and not self.has_digests):
                known = {path: file.digest for path, file in self.files.items() if file.digest}
                with replacing_file(self.folder / RECORD) as temporary:
                    temporary.write_text(_record(self.folder, made_of, known, self.files))
            elif self.later:
                os.utime(self.folder / RECORD)
        except OSError as error:
            logger.info("'%s' is compared at each start: %s", self.folder, error)


def write_record(folder: Path, made_of: Any, known: Mapping[str, str]) -> None:  # noqa: ANN401 - any JSON
    """Record a complete folder.

    Args:
        folder: The folder.
        made_of: Its source, any JSON.
        known: Digests of its files by path, as far as they are known; the others are read.
    """
    text = _record(folder, made_of, known, _files(folder))
    (folder / RECORD).write_text(text, encoding="utf-8")


def _record(
    folder: Path,
    made_of: Any,  # noqa: ANN401 - any JSON
    known: Mapping[str, str],
    files: Mapping[str, _File],
) -> str:
    digests = {**_hashed(folder, [path for path in files if path not in known]), **known}
    places: dict[str, dict[str, tuple[int, str]]] = {}
    for path in sorted(files):
        place, _, name = path.rpartition("/")
        places.setdefault(place or ".", {})[name] = (files[path].size_bytes, digests[path])
    return json.dumps({"made_of": made_of, "contents": places})


def _hashed(folder: Path, paths: list[str]) -> dict[str, str]:
    def read(path: str) -> str:
        return short_digest(file_sha256(folder / path))

    digests = ordered_map(read, paths, workers=0)
    what = "hashing files" if len(paths) > 1 else ""
    shown = progress_bar(what, len(paths), "files", iterable=digests, leave=False)
    return dict(zip(paths, shown, strict=True))


def _files(folder: Path) -> dict[str, _File]:
    """The files below a folder, without its record, by path."""
    return {path: _File(size, "", changed) for path, size, changed in _walk(folder)}


def _walk(folder: Path) -> Iterator[tuple[str, int, int]]:
    for place, _, names in os.walk(folder):
        below = os.path.relpath(place, folder)
        for name in names:
            if name == RECORD:
                continue
            status = os.stat(f"{place}/{name}")  # noqa: PTH116 - a million times
            path = name if below == "." else f"{below}/{name}"
            yield path, status.st_size, max(status.st_mtime_ns, status.st_ctime_ns)
