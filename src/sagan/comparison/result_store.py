"""The rows of a comparison on disk: one JSON file a measured run, named by what it depends on."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sagan.common.files import replacing_file, source_hash
from sagan.comparison.variants import Entry
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig

Row = dict[str, Any]
MEASURED_BY = "measured_by"  # the code and the protocol that took a row's metrics
_MEASURING = ("common/pixels.py", "sampling", "metrics")


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
        self._protocol = _named(evaluation.dump(affecting="measurement"))
        self._code = source_hash(*_MEASURING)

    def path(self, entry: Entry) -> Path:
        """Where an entry's row lies, named by its training and by the protocol."""
        return self._folder / f"{self._training(entry)}-{self._protocol}.json"

    def load(self, entry: Entry) -> Row | None:
        """The row, under the contestant's name of today; None where it was not measured yet.

        Nor is one measured that was measured by other code, or another protocol: see `outdated`.
        """
        row = self._read(entry)
        return None if row is None or self._is_outdated(row) else row

    def outdated(self, entry: Entry) -> Row | None:
        """A row whose generator holds and whose metrics are of other code or protocol; or None."""
        row = self._read(entry)
        return row if row is not None and self._is_outdated(row) else None

    def save(self, entry: Entry, row: Row) -> None:
        """Write a row, whole or not at all."""
        target = self.path(entry)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing_file(target) as temporary:
            text = json.dumps(row | {MEASURED_BY: self._measured_by}, indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")

    @property
    def _measured_by(self) -> dict[str, str]:
        return {"code": self._code, "protocol": self._protocol}

    def _training(self, entry: Entry) -> str:
        """What decides about the generator and about the curve of its training."""
        from sagan.training.store.identity import run_identity

        return _named(
            {
                "run": run_identity(entry.training, self._shards),
                "measurement": entry.training.dump(affecting="measurement"),
            }
        )

    def _read(self, entry: Entry) -> Row | None:
        """The row by this protocol; else the newest of the same training by another."""
        others = self._folder.glob(f"{self._training(entry)}-*.json")
        newest_first = sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in (self.path(entry), *newest_first):
            try:
                row: Row = json.loads(path.read_text(encoding="utf-8"))
            except (FileNotFoundError, json.JSONDecodeError):
                continue
            return row | {"contestant": entry.contestant, "recipe": entry.recipe}
        return None

    def _is_outdated(self, row: Row) -> bool:
        return bool(row["metrics"]) and row.get(MEASURED_BY) != self._measured_by


def _named(depends: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:16]
