"""The rows of a comparison on disk: one JSON file a measured run, named by what it depends on."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sagan.comparison.contestants import Entry
from sagan.data.shards import ShardStore
from sagan.files import replacing_file, source_hash
from sagan.metrics.config import EvaluationConfig

Row = dict[str, Any]
MEASURED_BY = "measured_by"  # the code that took a row's metrics
_MEASURING = ("pixels.py", "sampling", "metrics")
_PLACES = {"device", "inception_weights"}  # where it is computed does not make it another number


def read_rows(path: Path) -> list[Row]:
    """The rows that a comparison left, `comparison_rows.json`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is something else.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from None
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and {"contestant", "seed", "status", "metrics"} <= row.keys()
        for row in rows
    ):
        raise ValueError(f"{path} has no rows of a comparison; name its comparison_rows.json")
    return rows


class RowStore:
    """Rows that have been measured; what is found here is not trained again."""

    def __init__(self, folder: Path, shards: ShardStore, evaluation: EvaluationConfig) -> None:
        """Bind to a folder, which need not exist, and to what all rows depend on."""
        self._folder, self._shards = folder, shards
        self._protocol = evaluation.model_dump(mode="json", exclude=_PLACES)
        self._code = source_hash(*_MEASURING)

    def path(self, entry: Entry) -> Path:
        """Where an entry's row lies, named by its parameters, data, code and protocol."""
        from sagan.training.fingerprint import run_identity

        depends = {
            "run": run_identity(entry.training, self._shards),
            "scoring": entry.training.scoring.model_dump(mode="json"),
            "export": entry.training.export,  # which generator of the run is measured
            "evaluation": self._protocol,
        }
        text = json.dumps(depends, sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"

    def load(self, entry: Entry) -> Row | None:
        """The row, under the contestant's name of today; None where it was not measured yet.

        Nor is one measured that was measured by other code: see `outdated`.
        """
        row = self._read(entry)
        return None if row is None or self._is_outdated(row) else row

    def outdated(self, entry: Entry) -> Row | None:
        """A row whose generator holds and whose metrics were taken by other code; or None."""
        row = self._read(entry)
        return row if row is not None and self._is_outdated(row) else None

    def save(self, entry: Entry, row: Row) -> None:
        """Write a row, whole or not at all."""
        target = self.path(entry)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing_file(target) as temporary:
            text = json.dumps(row | {MEASURED_BY: self._code}, indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")

    def _read(self, entry: Entry) -> Row | None:
        try:
            row: Row = json.loads(self.path(entry).read_text(encoding="utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return row | {"contestant": entry.contestant, "preset": entry.preset}

    def _is_outdated(self, row: Row) -> bool:
        return bool(row["metrics"]) and row.get(MEASURED_BY) != self._code
