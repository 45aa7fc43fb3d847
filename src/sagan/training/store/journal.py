"""The journal of a run: one JSON object per line, appended during training.

A crash may truncate the last line, and a power loss may leave NUL bytes; all intact records around
such damage are still read.
"""

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from sagan.common.files import replacing_file

logger = logging.getLogger(__name__)

JOURNAL = "journal.jsonl"  # its name in a run's folder

Record = dict[str, Any]


class Journal:
    """Records of a run in order of `images_seen`."""

    def __init__(self, path: Path) -> None:
        """Bind to a file, which need not exist yet."""
        self.path = path

    def append(self, record: Record) -> None:
        """Append a record and flush it to the operating system.

        Raises:
            OSError: with the file's name, if it cannot be written.
        """
        line = json.dumps(record).encode() + b"\n"
        try:
            with self.path.open("ab+") as file:
                if not _at_line_start(file):
                    line = b"\n" + line  # after a truncated line
                file.write(line)
        except OSError as error:
            reason = f"{error.strerror} while adding a record; the run resumes from its checkpoint"
            raise OSError(error.errno, reason, str(self.path)) from error

    def sync(self) -> None:
        """Force all records to disk: before a checkpoint, which must not outlive them."""
        if self.path.exists():
            with self.path.open("rb") as file:
                os.fsync(file)

    def read(self) -> list[Record]:
        """All intact records, with a warning if the file is damaged."""
        if not self.path.exists():
            return []
        records: list[Record] = []
        damaged = []
        lines = self.path.read_text(encoding="utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, start=1):
            try:
                records.append(_record(line))
            except ValueError:
                records += _recover_records(line)
                damaged += [str(number)] if line else []
        if damaged:
            logger.warning("%s is damaged in line %s", self.path, ", ".join(damaged))
        return records

    def rewind(self, images_seen: int) -> None:
        """Remove all records after a checkpoint that training resumes from."""
        kept = [record for record in self.read() if record.get("images_seen", 0) <= images_seen]
        text = "".join(json.dumps(record) + "\n" for record in kept)
        with replacing_file(self.path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _record(line: str) -> Record:
    record = json.loads(line)
    if not isinstance(record, dict):
        raise ValueError(f"expected an object, got {type(record).__name__}")
    return record


def _recover_records(line: str) -> Iterator[Record]:
    """Yield the intact records of a damaged line."""
    decoder, start = json.JSONDecoder(), line.find("{")
    while start >= 0:
        end = start + 1
        try:
            found, end = decoder.raw_decode(line, start)
            if "images_seen" in found:  # not a fragment of a truncated record
                yield found
        except ValueError:
            pass
        start = line.find("{", end)


def _at_line_start(file: IO[bytes]) -> bool:
    """Whether the file, opened as "ab+", is empty or ends with a newline."""
    if file.seek(0, os.SEEK_END) == 0:
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
