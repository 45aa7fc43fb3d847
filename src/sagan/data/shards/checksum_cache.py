"""Cache of verified checksums, so that a start need not read 63 GB again.

A file beside each store records what its files looked like (size, times of change, inode) when
their checksums were last right. A file that looks the same is the same; any other is hashed again.
As two changes within a clock tick leave the same times, a file must have been left alone for two
seconds before it is recorded, as in Git's index. Without the cache, everything is hashed.
"""

import json
import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sagan.common.files import replacing_file

logger = logging.getLogger(__name__)

# the coarsest clock of a file system in use
SETTLED_NS = 2_000_000_000


class ChecksumCache:
    """The record of a store's verified files."""

    def __init__(self, store: Path, checksum: str) -> None:
        """Read the record of a store whose index has this checksum."""
        self._store, self._checksum = store, checksum
        self._path = store.parent / f".{store.name}.verified.json"
        self._looks = self._read()

    def holds(self, name: str) -> bool:
        """Whether the file looks as it did when its checksum was last right."""
        look = self._looks.get(name)
        return look is not None and look == _look(self._store / name)

    def add(self, names: Iterable[str]) -> None:
        """Record files whose checksum has just been right."""
        now = time.time_ns()
        looks = {name: _look(self._store / name) for name in names}
        settled = {name: look for name, look in looks.items() if now - look[2] > SETTLED_NS}
        if settled.items() <= self._looks.items():
            return
        self._looks |= settled
        record = {"index": self._checksum, "files": self._looks}
        try:
            with replacing_file(self._path) as temporary:
                temporary.write_text(json.dumps(record), encoding="utf-8")
        except OSError as error:
            logger.debug("%s cannot be recorded as verified: %s", self._store, error)

    def _read(self) -> dict[str, list[int]]:
        try:
            record: Any = json.loads(self._path.read_text(encoding="utf-8"))
            files: dict[str, list[int]] = record["files"]
            return files if record["index"] == self._checksum else {}
        except (OSError, ValueError, KeyError, TypeError):
            return {}


def _look(path: Path) -> list[int]:
    """Size, time of the last change of content, of anything, and inode."""
    status = os.stat(path)  # noqa: PTH116 - the name of what it does
    latest = max(status.st_mtime_ns, status.st_ctime_ns)
    return [status.st_size, status.st_mtime_ns, latest, status.st_ino]
