"""The journal of a run: one JSON object a line, appended as training goes."""

import json
from pathlib import Path
from typing import Any

from sagan.files import replacing_file

Record = dict[str, Any]


class Journal:
    """Records of a run in order of `images_seen`."""

    def __init__(self, path: Path) -> None:
        """Bind to a file, which need not exist yet."""
        self.path = path

    def append(self, record: Record) -> None:
        """Add a record and hand it to the operating system at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def read(self) -> list[Record]:
        """All whole records; a last line torn by a crash is left out."""
        if not self.path.exists():
            return []
        lines = self.path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def rewind(self, images_seen: int) -> None:
        """Forget what was recorded after a checkpoint that training goes on from."""
        kept = [record for record in self.read() if record["images_seen"] <= images_seen]
        text = "".join(json.dumps(record) + "\n" for record in kept)
        with replacing_file(self.path) as temporary:
            temporary.write_text(text, encoding="utf-8")
