"""One run of a comparison: training or resumption, then evaluation."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagan.comparison.result_store import ResultStore, RunResult
from sagan.comparison.summary import COST
from sagan.comparison.variants import RunSpec
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig

logger = logging.getLogger(__name__)

_COLLAPSE = "collapse:"  # prefix of the warnings of it


@dataclass(frozen=True)
class ComparisonContext:
    """What all runs of a comparison have in common."""

    shards: ShardStore
    evaluation: EvaluationConfig
    runs_dir: Path
    feature_cache: Path
    results: ResultStore
    keep_checkpoints: bool


def measure_run(run: RunSpec, context: ComparisonContext) -> RunResult:
    """Train, evaluate and save the result; a run that diverges has a result as well.

    A generator that was trained before, and measured by other code or another protocol, is only
    measured again; its curve stays that of its training.

    Returns:
        JSON-able: `status` trained or diverged, `metrics`, `curve` of scores while training, cost.

    Raises:
        TrainingInterrupted: asked to stop, after saving.
        OutOfMemoryError: what a step needs is not there.
    """
    result = _measure_again(run, context) or _train_and_measure(run, context)
    context.results.save(run, result)
    if not context.keep_checkpoints and "run" in result:  # generator, journal and summary stay
        for path in (context.runs_dir / result["run"]).glob("checkpoint-*"):
            path.unlink(missing_ok=True)
    return result


def _measure_again(run: RunSpec, context: ComparisonContext) -> RunResult | None:
    """An outdated result with new metrics of its generator; None where there is none."""
    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.metrics.evaluate_generator import evaluate_generator

    result = context.results.outdated(run)
    if result is None:
        return None
    try:
        bundle = GeneratorBundle.open(context.runs_dir / result["bundle"])
        bundle.choose(context.evaluation.weights)
    except (FileNotFoundError, ValueError) as error:
        logger.info("%s: trained again (%s)", run.name, error)
        return None
    found = evaluate_generator(bundle, context.shards, context.evaluation, context.feature_cache)
    return result | _measured(found)


def _train_and_measure(run: RunSpec, context: ComparisonContext) -> RunResult:
    from sagan.metrics.evaluate_generator import evaluate_generator
    from sagan.training import train
    from sagan.training.core.finite import NonFiniteError

    runs_dir, cache = context.runs_dir, context.feature_cache
    result: RunResult = {"variant": run.variant, "recipe": run.recipe, "seed": run.seed}
    result["total_images"] = run.training.total_images
    try:
        trained = train(run.training, context.shards, runs_dir, feature_cache=cache)
    except NonFiniteError as error:
        return result | {"status": "diverged", "message": str(error), "metrics": {}, "curve": []}
    found = evaluate_generator(trained.bundle, context.shards, context.evaluation, cache)
    warnings = [one["message"] for one in trained.journal if one.get("event") == "warning"]
    return result | {
        "status": "trained",
        "message": "",
        "run": trained.bundle.path.parent.name,
        "bundle": trained.bundle.path.relative_to(runs_dir).as_posix(),
        "warnings": warnings,
        "collapsed": any(message.startswith(_COLLAPSE) for message in warnings),
        **{name: trained.summary[name] for name in (*COST, "fingerprint")},
        **_measured(found),
        "curve": [
            {
                "images_seen": score.images_seen,
                "train_seconds": score.train_seconds,
                "scores": _finite_numbers(score.scores),
            }
            for score in trained.scores
        ],
        "attention": _newest(trained.journal, ("gamma/", "attention_entropy/")),
    }


def _measured(found: dict[str, Any]) -> dict[str, Any]:
    """What a result has of an evaluation."""
    return {
        "metrics": _finite_numbers(found),
        "protocol": found["protocol"],
        "evaluation_warnings": found["warnings"],
    }


def _finite_numbers(found: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in found.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }


def _newest(journal: list[dict[str, Any]], prefixes: tuple[str, ...]) -> dict[str, float]:
    """The newest value of each journal entry whose name has one of the prefixes."""
    newest: dict[str, float] = {}
    for record in journal:
        newest |= {name: value for name, value in record.items() if name.startswith(prefixes)}
    return newest
