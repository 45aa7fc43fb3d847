"""Results of a comparison's runs: one JSON file a run, named by what the result depends on."""

import json
from pathlib import Path
from typing import Any

from sagan.common.files import json_sha256, replacing_file, source_hash
from sagan.comparison.variants import RunSpec
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig

RunResult = dict[str, Any]
MEASURED_BY = "measured_by"  # the code and the protocol of a result's metrics
_MEASURING = ("common/pixels.py", "sampling", "metrics")


def read_results(path: Path) -> list[RunResult]:
    """The results of a comparison, `comparison_rows.json`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is something else.
    """
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from None
    needed = {"variant", "seed", "status", "metrics"}
    rows: list[Any] = results if isinstance(results, list) else [None]
    if all(isinstance(row, dict) and needed <= row.keys() for row in rows):
        return rows
    raise ValueError(f"{path} has no rows of a comparison; name its comparison_rows.json")


class ResultStore:
    """Results on disk; a run whose result is found here is not made again."""

    def __init__(self, folder: Path, shards: ShardStore, evaluation: EvaluationConfig) -> None:
        """Bind to a folder, which need not exist, and to what all results depend on."""
        self._folder, self._shards = folder, shards
        protocol = json_sha256(evaluation.dump(affecting="measurement"))[:16]
        self._measured_by = {"code": source_hash(*_MEASURING), "protocol": protocol}

    def path(self, run: RunSpec) -> Path:
        """The file of a run's result, named by its training and by the protocol."""
        return self._folder / f"{self._training(run)}-{self._measured_by['protocol']}.json"

    def load(self, run: RunSpec) -> RunResult | None:
        """The result of a run; None if it was not measured, or only as in `outdated`."""
        result = self._read(run)
        return None if result is None or self._is_outdated(result) else result

    def outdated(self, run: RunSpec) -> RunResult | None:
        """A result whose generator is valid and whose metrics are of other code or protocol."""
        result = self._read(run)
        return result if result is not None and self._is_outdated(result) else None

    def save(self, run: RunSpec, result: RunResult) -> None:
        """Write a result, whole or not at all."""
        target = self.path(run)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing_file(target) as temporary:
            text = json.dumps(result | {MEASURED_BY: self._measured_by}, indent=2)
            temporary.write_text(text + "\n", encoding="utf-8")

    def _training(self, run: RunSpec) -> str:
        """Hash of what decides the generator and the curve of its training."""
        from sagan.training.store.identity import run_identity

        identity = run_identity(run.training, self._shards)
        measurement = run.training.dump(affecting="measurement")
        return json_sha256({"run": identity, "measurement": measurement})[:16]

    def _read(self, run: RunSpec) -> RunResult | None:
        """The result by this protocol; else the newest of the same training by another."""
        others = self._folder.glob(f"{self._training(run)}-*.json")
        newest_first = sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in (self.path(run), *newest_first):
            try:
                result: RunResult = json.loads(path.read_text(encoding="utf-8"))
            except (FileNotFoundError, json.JSONDecodeError):
                continue
            # a variant may have another name by now
            return result | {"variant": run.variant, "recipe": run.recipe}
        return None

    def _is_outdated(self, result: RunResult) -> bool:
        return bool(result["metrics"]) and result.get(MEASURED_BY) != self._measured_by
