"""The journal of a run: one JSON object per line, appended during training.

A crash may truncate the last line, and a power loss may leave NUL bytes at the end. Records are
forced to disk before each checkpoint, and a run that resumes removes all later lines.
"""

import json
import logging
import os
from pathlib import Path
from typing import Any

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
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
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
        text = self.path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], start=1):
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if isinstance(record, dict) and isinstance(record.get("images_seen", 0), int):
                records.append(record)
            else:
                damaged.append(str(number))
        if damaged:
            logger.warning("%s is damaged in line %s", self.path, ", ".join(damaged))
        return records

    def rewind(self, images_seen: int) -> None:
        """Remove all records after a checkpoint that training resumes from."""
        kept = [record for record in self.read() if record.get("images_seen", 0) <= images_seen]
        text = "".join(json.dumps(record) + "\n" for record in kept)
        with replacing_file(self.path) as temporary:
            temporary.write_text(text, encoding="utf-8")
