"""What the report says of the evaluation: scores with their intervals, classes, the plane."""

from collections.abc import Iterator, Mapping
from typing import Any

from sagan.common.naming import full_names
from sagan.reporting.curves import Chart, Curve
from sagan.reporting.precision_recall_plot import Point, precision_recall_plane
from sagan.reporting.summary_section import Facts, label, rows, score, score_items, weights_of

_SCORES = {
    "fid": "FID (Inception features; lower is better)",
    "fd_classifier": "Fréchet distance in the classifier's features (lower is better)",
    "fid_pil_bicubic": "FID with PIL's antialiased bicubic resizer (lower is better)",
    "kid_pil_bicubic": "KID with PIL's antialiased bicubic resizer (0 is best; may be negative)",
    "kid": "KID, kernel distance in Inception's features (0 is best; may be negative)",
    "kd_classifier": "kernel distance in the classifier's features (0 is best; may be negative)",
    "inception_score": "Inception score (higher is better)",
    "inception_score_pil_bicubic": "Inception score with PIL's resizer (higher is better)",
    "classifier_score": "Inception score's formula with the classifier (up to the class count)",
    "precision": "precision: samples within the real images' manifold",
    "recall": "recall: real images within the samples' manifold",
    "density": "density: real neighbourhoods per sample (real images: 1)",
    "coverage": "coverage: real neighbourhoods with a sample",
    "recognised": "samples recognised as the class asked for",
    "classes_hit": "classes with at least one sample recognised",
    "class_entropy": "evenness of the classes recognised (1: all equally often)",
    "diversity_mean": "diversity within a class, relative to real images (mean)",
    "diversity_min": "diversity within a class, relative to real images (lowest)",
    "memorisation": "nearer to a training image than validation images (no copying: 50%)",
    "near_copies": "as near to a training image as the nearest 5% of val (no copying: 5%)",
}
_APART = {"intervals", "warnings", "protocol", "details", "self_test"}
_TABLES = {"recognised_by_class", "intra_class", "truncation_sweep", "nearest_training_images"}
# what a full evaluation has, by the beginning or the end of a score's name
_FAMILIES = {
    "a Fréchet distance": ("fid", "fd_"),
    "a kernel distance": ("kid", "kd_"),
    "precision and recall": ("precision",),
    "recognition by the classifier": ("recognised",),
    "diversity within a class": ("diversity_",),
    "the distance within a class": ("intra_",),
    "memorisation": ("memorisation",),
}
CLASSES_SHOWN = 10  # at either end, where there are more


def metric_tables(metrics: Facts, titles: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The scores with their intervals, what stands beside them, and the protocol.

    Args:
        metrics: The metrics file; one of an older version, without intervals and details, too.
        titles: Human names by class.

    Returns:
        `scores` with `name`, `value`, `interval` and `real`, that of real images; `told`, under
        which protocol, and `absent`, what was not measured, in words; `rest` and `protocol` as
        rows; `classes`, bars; `plane`, SVG, or None; `truncation`, charts; `pairs`, facts about the
        nearest training images, as rows.
    """
    scores, details = dict(score_items(metrics)), metrics.get("details", {})
    intervals, real = metrics.get("intervals", {}), metrics.get("self_test", {})
    rest = {key: value for key, value in metrics.items() if key not in {*scores, *_APART}}
    beside = {key: value for key, value in details.items() if key not in _TABLES}
    nearest = details.get("nearest_training_images", {})
    return {
        "scores": [
            {
                "name": _name(name),
                "value": score(name, value),
                "interval": _interval(name, intervals.get(name)),
                "real": score(name, real[name]) if name in real else "",
            }
            for name, value in scores.items()
        ],
        "told": _told(metrics.get("protocol", {}), real),
        "absent": ", ".join(_absent(scores)),
        "rest": rows(rest | beside | {"real images against real images": real}),
        "protocol": rows(metrics.get("protocol", {})),
        "classes": class_distances(details, titles or {}),
        "plane": _plane(metrics),
        "truncation": truncation_charts(details),
        "pairs": rows({label(k): v for k, v in nearest.items() if k not in {"closest", "drawn"}}),
    }


def truncation_charts(details: Facts) -> list[Chart]:
    """Distance, and precision and recall, over the latents' truncation; none without a sweep.

    Args:
        details: Of the metrics file.
    """
    points = sorted(details.get("truncation_sweep", ()), key=lambda point: point["truncation"])
    if not points:
        return []
    axis = "truncation of the latents [standard deviations]"
    x = [float(point["truncation"]) for point in points]

    def curve(name: str, key: str) -> Curve:
        return Curve(name, x, [float(point[key]) for point in points])

    distance = curve("Fréchet distance", "frechet_distance")
    shares = [curve("precision", "precision"), curve("recall", "recall")]
    return [
        Chart("Fréchet distance", "over truncation; lower is better", [distance], x_label=axis),
        Chart("Precision and recall", "over truncation", shares, x_label=axis),
    ]


def class_distances(details: Facts, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """One bar a class, the worst first; of many classes the ten at either end.

    Args:
        details: Of the metrics file.
        titles: Human names by class.

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
    shown_names = full_names((name for name, _ in known), titles)
    return [
        {
            "name": shown,
            "value": score("distance", value) + _recognised(right.get(name)),
            "percent": 100 * value / largest,
        }
        for (name, value), shown in zip(known, shown_names, strict=True)
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
        finite = _name(name.removesuffix("_infinity")).partition(" (")[0]
        return f"{finite}, extrapolated to infinitely many samples"
    return _SCORES.get(name, label(name))


def _interval(name: str, interval: Mapping[str, Any] | None) -> str:
    if interval is None:
        return ""
    low, high = score(name, interval["low"]), score(name, interval["high"])
    return f"{low} to {high} ({interval['level']:.0%}, {interval['method']})"


def _told(protocol: Facts, real: Facts) -> str:
    """The protocol in a sentence: what the numbers may be compared with."""
    samples, reference = protocol.get("samples", {}), protocol.get("reference", {})
    name = protocol.get("name")
    said = [f"Protocol {name}." if name else "No named protocol."]
    if "count" in samples and "count" in reference:
        kind, split = weights_of(samples.get("generator", {})), reference.get("split")
        drawn = ", drawn at random" if "drawn" in str(reference.get("part")) else ""
        said.append(
            f"{samples['count']:,} samples{f' of the {kind}' if kind else ''} against "
            f"{reference['count']:,} real images of {split or 'the reference'}{drawn}."
        )
    if "between" in real:
        said.append(f"Last column: the same numbers of real images, {real['between']}.")
    return " ".join([*said, "Numbers of another protocol are not comparable."])


def _absent(scores: Facts) -> Iterator[str]:
    """The measures of a full evaluation that this file has not."""
    for family, beginnings in _FAMILIES.items():
        if not any(name.startswith(beginnings) for name in scores):
            yield family


def _recognised(share: float | None) -> str:
    return "" if share is None else f", {share:.0%} recognised"
