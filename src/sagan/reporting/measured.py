"""What the report says of the evaluation: scores with their intervals, classes, the plane."""

from collections.abc import Iterator, Mapping
from typing import Any

from sagan.reporting.facts import Facts, label, rows, score, score_items
from sagan.reporting.plane import Point, precision_recall_plane

_SCORES = {
    "fid": "FID (Inception features; lower is better)",
    "fd_classifier": "Fréchet distance in the classifier's features (lower is better)",
    "kid": "KID, kernel distance in Inception's features (0 is best; unbiased)",
    "kd_classifier": "kernel distance in the classifier's features (0 is best; unbiased)",
    "inception_score": "Inception score (higher is better)",
    "classifier_score": "Inception score's formula with the classifier (up to the class count)",
    "precision": "precision: samples among the real images",
    "recall": "recall: real images among the samples",
    "density": "density: real neighbourhoods a sample lies in (real images: 1)",
    "coverage": "coverage: real neighbourhoods that hold a sample",
    "recognised": "samples recognised as the class asked for",
    "classes_hit": "classes with at least one sample recognised",
    "class_entropy": "evenness of the classes recognised (1: all equally often)",
    "diversity_mean": "diversity within a class, relative to real images (mean)",
    "diversity_min": "diversity within a class, relative to real images (least)",
    "memorisation": "nearer to a training image than validation images (new: 50%, copies: 100%)",
    "near_copies": "as near to a training image as 5% of validation images (new: 5%)",
}
_APART = {"intervals", "warnings", "protocol", "details"}
_TABLES = {"recognised_by_class", "intra_class", "truncation_sweep", "nearest_training_images"}
CLASSES_SHOWN = 10  # at either end, where there are more


def metric_tables(metrics: Facts) -> dict[str, Any]:
    """The scores with their intervals, what stands beside them, and the protocol.

    Args:
        metrics: The metrics file; one of an older version, without intervals and details, too.

    Returns:
        `scores`, `rest` and `protocol` as rows; `classes`, bars; `plane`, SVG, or None; `pairs`,
        the samples nearest to a training image, as rows.
    """
    scores, details = dict(score_items(metrics)), metrics.get("details", {})
    intervals = metrics.get("intervals", {})
    rest = {key: value for key, value in metrics.items() if key not in {*scores, *_APART}}
    beside = {key: value for key, value in details.items() if key not in _TABLES}
    return {
        "scores": [
            (_name(name), score(name, value) + _interval(name, intervals.get(name)))
            for name, value in scores.items()
        ],
        "rest": rows(rest | beside),
        "protocol": rows(metrics.get("protocol", {})),
        "classes": class_distances(details),
        "plane": _plane(metrics),
        "pairs": rows(details.get("nearest_training_images", {})),
    }


def class_distances(details: Facts) -> list[dict[str, Any]]:
    """One bar a class, the worst first; of many classes the ten at either end.

    Args:
        details: Of the metrics file.

    Returns:
        `name`, `value` (text) and `percent` of the largest distance.
    """
    table = details.get("intra_class", {}).get("table", {})
    known = sorted(
        ((name, value) for name, value in table.items() if value is not None),
        key=lambda entry: -entry[1],
    )
    if len(known) > 2 * CLASSES_SHOWN:
        known = known[:CLASSES_SHOWN] + known[-CLASSES_SHOWN:]
    largest = max((value for _, value in known), default=0) or 1
    right = details.get("recognised_by_class", {})
    return [
        {
            "name": name,
            "value": score("distance", value) + _recognised(right.get(name)),
            "percent": 100 * value / largest,
        }
        for name, value in known
    ]


def _plane(metrics: Facts) -> str | None:
    points = list(_points(metrics))
    return precision_recall_plane(points) if points else None


def _points(metrics: Facts) -> Iterator[Point]:
    own, real = metrics, metrics.get("self_test", {})
    for entry in metrics.get("details", {}).get("truncation_sweep", ()):
        name = f"truncation {entry['truncation']:g}"
        yield Point(name, entry["recall"], entry["precision"], colour=2)
    for name, facts, colour in (("real images", real, 1), ("generator", own, 0)):
        if {"precision", "recall"} <= set(facts):
            yield Point(name, facts["recall"], facts["precision"], colour)


def _name(name: str) -> str:
    if name.startswith("intra_"):
        return "Fréchet distance within a class, mean over the classes (lower is better)"
    if name.endswith("_infinity"):
        return f"{label(name.removesuffix('_infinity'))}, extrapolated to infinitely many samples"
    return _SCORES.get(name, label(name))


def _interval(name: str, interval: Mapping[str, Any] | None) -> str:
    if interval is None:
        return ""
    low, high = score(name, interval["low"]), score(name, interval["high"])
    return f" ({interval['level']:.0%}: {low} to {high}; {interval['method']})"


def _recognised(share: float | None) -> str:
    return "" if share is None else f", {share:.0%} recognised"
