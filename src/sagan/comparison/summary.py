"""From rows to a table: each contestant's mean, interval and spread over its seeds."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sagan.comparison.result_store import Row
from sagan.comparison.transforms import scale
from sagan.metrics.scores.intervals import repeated_interval

DISTANCES = ("fid", "fd_classifier")
QUALITY = ("kid", "kd_classifier", "recognised", "precision")
COST = ("parameters_generator", "parameters_discriminator", "images_per_second", "train_seconds")
DIVERSITY = ("recall", "coverage", "diversity_mean", "classes_hit")


def summarise(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """One record a contestant, in order of appearance.

    Args:
        rows: as `run_comparison` gives them.

    Returns:
        JSON-able: `contestant`, `recipe`, `seeds` (all), `trained`, `diverged`, `collapsed`,
        `warned` (runs), `metrics` (by name: `mean`, on the score's own scale, `of` which;
        `low`, `high`, `std`, `values`, `seeds`; interval and deviation only of two seeds and more),
        `cost` (means of parameters, images/s and seconds).
    """
    return [_record([row for row in rows if row["contestant"] == name]) for name in _names(rows)]


def metric_names(rows: Sequence[Row]) -> list[str]:
    """The scores that a table shows, of those that were measured: distance first."""
    measured = {name for row in rows for name in row["metrics"]}
    return [name for name in (*DISTANCES, *QUALITY, *DIVERSITY) if name in measured]


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row["contestant"] for row in rows))


def _record(rows: Sequence[Row]) -> dict[str, Any]:
    trained = [row for row in rows if row["status"] == "trained"]
    names = list(dict.fromkeys(name for row in trained for name in row["metrics"]))
    return {
        "contestant": rows[0]["contestant"],
        "recipe": rows[0].get("recipe", rows[0].get("preset")),
        "seeds": [row["seed"] for row in rows],
        "trained": len(trained),
        "diverged": sum(row["status"] == "diverged" for row in rows),
        "collapsed": sum(row["collapsed"] for row in trained),
        "warned": sum(bool(row["warnings"]) for row in trained),
        "metrics": {name: _of_seeds(trained, name) for name in names},
        "cost": _cost(trained),
    }


def _of_seeds(rows: Sequence[Row], name: str) -> dict[str, Any]:
    found = [(row["seed"], row["metrics"][name]) for row in rows if name in row["metrics"]]
    values = [value for _, value in found]
    on = scale(name, values)
    even = [on.there(value) for value in values]
    record = {"mean": on.back(float(np.mean(even))), "of": on.words, "values": values}
    record |= {"seeds": [seed for seed, _ in found]}
    if len(values) > 1:
        interval = repeated_interval(even)
        record |= {
            "low": on.back(interval["low"]),
            "high": on.back(interval["high"]),
            "level": interval["level"],
            "std": float(np.std(values, ddof=1)),
        }
    return record


def _cost(rows: Sequence[Row]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in COST} if rows else {}
