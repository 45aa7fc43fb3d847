"""One run of a comparison: trained, or resumed, then evaluated, as a row of the table."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagan.common.schema import ClearError
from sagan.comparison.result_store import Row, RowStore
from sagan.comparison.variants import Entry
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig

logger = logging.getLogger(__name__)

_COLLAPSE = "collapse:"  # how the watch's warnings of it begin
_OF_SUMMARY = (
    *("train_seconds", "images_per_second", "parameters_generator"),
    *("parameters_discriminator", "fingerprint"),
)


@dataclass(frozen=True)
class Conditions:
    """What all runs of a comparison have in common."""

    shards: ShardStore
    evaluation: EvaluationConfig
    runs_dir: Path
    feature_cache: Path
    rows: RowStore
    keep_checkpoints: bool


def measure_entry(entry: Entry, common: Conditions) -> Row:
    """Train and evaluate, and keep the row; a run that diverges is a row as well.

    A generator that was trained and measured before, by other code of the metrics or by another
    protocol, is measured again and not trained again; its curve stays that of its training.

    Returns:
        JSON-able: `status` trained or diverged, `metrics`, `curve` of scores while training, cost.

    Raises:
        TrainingInterrupted: asked to stop, after saving.
        OutOfMemoryError: what a step needs is not there.
    """
    row = _measured_again(entry, common) or _measured(entry, common)
    common.rows.save(entry, row)
    if not common.keep_checkpoints and "run" in row:  # generator, journal and summary stay
        for path in (common.runs_dir / row["run"]).glob("checkpoint-*"):
            path.unlink(missing_ok=True)
    return row


def attempt_entry(entry: Entry, common: Conditions) -> Row | str:
    """The row of `measure_entry`, or why this run could not be made: others go on without it."""
    try:
        return measure_entry(entry, common)
    except (ClearError, OSError, ValueError) as error:
        return str(error)
    except Exception as error:
        logger.exception("%s failed", entry.name)
        return f"{type(error).__name__}: {error}"


def _measured_again(entry: Entry, common: Conditions) -> Row | None:
    """The row with new metrics of the generator that it names; None where there is none."""
    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.metrics.evaluate_generator import evaluate_generator

    row = common.rows.outdated(entry)
    if row is None:
        return None
    try:
        bundle = GeneratorBundle.open(common.runs_dir / row["bundle"])
        bundle.choose(common.evaluation.weights)
    except (FileNotFoundError, ValueError) as error:
        logger.info("%s: trained again (%s)", entry.name, error)
        return None
    found = evaluate_generator(bundle, common.shards, common.evaluation, common.feature_cache)
    return row | {"metrics": _numbers(found), "protocol": found["protocol"]}


def _measured(entry: Entry, common: Conditions) -> Row:
    from sagan.metrics.evaluate_generator import evaluate_generator
    from sagan.training import train
    from sagan.training.core.steps import NonFiniteError

    row: Row = {"contestant": entry.contestant, "recipe": entry.recipe, "seed": entry.seed}
    row["total_images"] = entry.training.total_images
    try:
        result = train(
            entry.training, common.shards, common.runs_dir, feature_cache=common.feature_cache
        )
    except NonFiniteError as error:
        return row | {"status": "diverged", "message": str(error), "metrics": {}, "curve": []}
    found = evaluate_generator(
        result.bundle, common.shards, common.evaluation, common.feature_cache
    )
    warnings = [one["message"] for one in result.journal if one.get("event") == "warning"]
    return row | {
        "status": "trained",
        "message": "",
        "run": result.bundle.path.parent.name,
        "bundle": result.bundle.path.relative_to(common.runs_dir).as_posix(),
        "warnings": warnings,
        "collapsed": any(message.startswith(_COLLAPSE) for message in warnings),
        **{name: result.summary[name] for name in _OF_SUMMARY},
        "metrics": _numbers(found),
        "protocol": found["protocol"],
        "curve": [
            {
                "images_seen": score.images_seen,
                "train_seconds": score.train_seconds,
                "scores": _numbers(score.scores),
            }
            for score in result.scores
        ],
        "attention": _last(result.journal, ("gamma/", "attention_entropy/")),
    }


def _numbers(found: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _last(journal: list[dict[str, Any]], prefixes: tuple[str, ...]) -> dict[str, float]:
    """The newest value of each journal entry that begins so."""
    newest: dict[str, float] = {}
    for record in journal:
        newest |= {name: value for name, value in record.items() if name.startswith(prefixes)}
    return newest
