"""Summary of a comparison: each variant's mean, interval and spread over its seeds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sagan.comparison.result_store import RunResult
from sagan.comparison.significance import transform_for
from sagan.metrics.scores.intervals import repeated_interval

DISTANCES = ("fid", "fd_classifier", "fd_rotation")
QUALITY = ("kid", "kd_classifier", "kd_rotation", "recognised", "precision")
COST = ("parameters_generator", "parameters_discriminator", "images_per_second", "train_seconds")
DIVERSITY = ("recall", "coverage", "diversity_mean", "classes_hit")


def summarise(rows: Sequence[RunResult]) -> list[dict[str, Any]]:
    """One record a variant, in order of appearance.

    Args:
        rows: as `run_comparison` gives them.

    Returns:
        JSON-able: `variant`, `recipe`, `seeds` (all), `trained`, `diverged`, `collapsed`,
        `warned` (runs), `metrics` (by name: `mean`, `of` which kind;
        `low`, `high`, `std`, `values`, `seeds`; interval and deviation only of two seeds and more),
        `search` (the candidates of its parameters, if any),
        `cost` (means of parameters, images/s and seconds).
    """
    return [_record([row for row in rows if row["variant"] == name]) for name in _names(rows)]


def metric_names(rows: Sequence[RunResult]) -> list[str]:
    """The scores that a table shows, of those that were measured: distance first."""
    measured = {name for row in rows for name in row["metrics"]}
    return [name for name in (*DISTANCES, *QUALITY, *DIVERSITY) if name in measured]


def _names(rows: Sequence[RunResult]) -> list[str]:
    return list(dict.fromkeys(row["variant"] for row in rows))


def _record(rows: Sequence[RunResult]) -> dict[str, Any]:
    trained = [row for row in rows if row["status"] == "trained"]
    names = list(dict.fromkeys(name for row in trained for name in row["metrics"]))
    return {
        "variant": rows[0]["variant"],
        "recipe": rows[0]["recipe"],
        "seeds": [row["seed"] for row in rows],
        "trained": len(trained),
        "diverged": sum(row["status"] == "diverged" for row in rows),
        "collapsed": sum(row["collapsed"] for row in trained),
        "warned": sum(bool(row["warnings"]) for row in trained),
        "metrics": {name: _of_seeds(trained, name) for name in names},
        "search": rows[0].get("search", []),
        "cost": {name: float(np.mean([row[name] for row in trained])) for name in COST if trained},
    }


def _of_seeds(rows: Sequence[RunResult], name: str) -> dict[str, Any]:
    found = [(row["seed"], row["metrics"][name]) for row in rows if name in row["metrics"]]
    values = [value for _, value in found]
    transform = transform_for(name, values)
    transformed = [transform.forward(value) for value in values]
    mean = transform.inverse(float(np.mean(transformed)))
    record = {"mean": mean, "of": transform.mean_name, "values": values}
    record |= {"seeds": [seed for seed, _ in found]}
    if len(values) > 1:
        interval = repeated_interval(transformed)
        record |= {
            "low": transform.inverse(interval["low"]),
            "high": transform.inverse(interval["high"]),
            "level": interval["level"],
            "std": float(np.std(values, ddof=1)),
        }
    return record
