"""The report's section on the evaluation: scores with intervals, classes, precision over recall."""

from collections.abc import Iterator, Mapping
from typing import Any

from sagan.common.naming import full_names
from sagan.html.charts import Chart, Curve
from sagan.html.format import bars, table_rows, words
from sagan.metrics.named_protocols import QUICK
from sagan.reporting.summary_section import (
    Facts,
    format_score,
    real_scores,
    score_items,
    weights_in_words,
)

_SCORES = {
    "fid": "FID (Inception features; lower is better)",
    "fd_classifier": "Fréchet distance in the classifier's features (lower is better)",
    "fd_rotation": "Fréchet distance in features learnt without labels (lower is better)",
    "fid_pil_bicubic": "FID with PIL's antialiased bicubic resizer (lower is better)",
    "kid_pil_bicubic": "KID with PIL's antialiased bicubic resizer (0 is best; may be negative)",
    "kid": "KID, kernel distance in Inception's features (0 is best; may be negative)",
    "kd_classifier": "kernel distance in the classifier's features (0 is best; may be negative)",
    "kd_rotation": "kernel distance in features learnt without labels (0 is best; may be negative)",
    "inception_score": "Inception score (higher is better)",
    "inception_score_pil_bicubic": "Inception score with PIL's resizer (higher is better)",
    "classifier_score": "Inception score's formula with the classifier (up to the class count)",
    "precision": "precision: samples within the real images' manifold (higher is better)",
    "recall": "recall: real images within the samples' manifold (higher is better)",
    "density": "density: real neighbourhoods per sample (real images: 1)",
    "coverage": "coverage: real neighbourhoods with a sample (higher is better)",
    "recognised": "recognised as the class asked for, mean of classes (higher is better)",
    "classes_hit": "classes with at least one sample recognised",
    "class_entropy": "frequencies of the classes recognised (as asked for: 100%)",
    "diversity_mean": "diversity within a class, relative to real images (mean)",
    "diversity_min": "diversity within a class, relative to real images (lowest)",
    "memorisation": "nearer to a training image than validation images (no copying: 50%)",
    "near_copies": "as near to a training image as the nearest 5% of val (no copying: 5%)",
}
_PAIRS = {
    "median_distance": "distance of samples to the nearest training image, median",
    "median_distance_held_out": "the same of the held out images",
}
_APART = {"intervals", "warnings", "protocol", "details", "self_test"}
_TABLES = {"recognised_by_class", "intra_class", "truncation_sweep"} | {
    *("nearest_training_images", "projection"),
}
# the measures of a full evaluation, by the beginnings of their scores' names
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
    """Everything that the report shows of a metrics file.

    Args:
        metrics: The metrics file; one of an older version, without intervals and details, too.
        titles: Human names by class.

    Returns:
        `scores` with `name`, `value`, `interval` and `real`, that of real images; `comparability`,
        the protocol in a sentence, and `missing`, what was not measured; `rest` and `protocol` as
        rows; `classes`, bars; `charts`; `pairs`, facts about nearest training images, as rows.
    """
    scores, details = dict(score_items(metrics)), metrics.get("details", {})
    intervals, self_test = metrics.get("intervals", {}), metrics.get("self_test", {})
    real = real_scores(metrics)
    rest = {key: value for key, value in metrics.items() if key not in {*scores, *_APART}}
    beside = {key: value for key, value in details.items() if key not in _TABLES}
    nearest = details.get("nearest_training_images", {})
    return {
        "scores": [
            {
                "name": _name(name),
                "value": format_score(name, value),
                "interval": _interval(name, intervals.get(name)),
                "real": format_score(name, real[name]) if name in real else "",
            }
            for name, value in scores.items()
        ],
        "comparability": _comparability(
            metrics.get("protocol", {}), self_test, metrics.get("classifier", {})
        ),
        "missing": ", ".join(_missing(scores)),
        "rest": table_rows(rest | beside | {"real images against real images": self_test}),
        "protocol": table_rows(metrics.get("protocol", {})),
        "classes": class_distances(details, titles or {}),
        "charts": [*precision_recall_chart(metrics), *truncation_charts(details)],
        "pairs": table_rows(
            {
                _PAIRS.get(k, words(k)): v
                for k, v in nearest.items()
                if k not in {"closest", "drawn"}
            }
        ),
    }


def truncation_charts(details: Facts) -> list[Chart]:
    """Distance, and precision and recall, over the latents' truncation; none without a sweep.

    Args:
        details: Of the metrics file.
    """
    points = _sweep(details)
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
    """Bars of the distances within a class, the worst first; of many classes the ten at either end.

    Args:
        details: Of the metrics file.
        titles: Human names by class.

    Returns:
        As `bars` of `sagan.html.format`.
    """
    table = details.get("intra_class", {}).get("table", {})
    known = sorted(
        ((name, value) for name, value in table.items() if value is not None),
        key=lambda entry: -entry[1],
    )
    if len(known) > 2 * CLASSES_SHOWN:
        known = known[:CLASSES_SHOWN] + known[-CLASSES_SHOWN:]
    right = details.get("recognised_by_class", {})
    shown = full_names((name for name, _ in known), titles)
    texts = [
        format_score("distance", value)
        + (f", {right[name]:.0%} recognised" if right.get(name) is not None else "")
        for name, value in known
    ]
    distances = (value for _, value in known)
    return bars(dict(zip(shown, distances, strict=True)), dict(zip(shown, texts, strict=True)))


def precision_recall_chart(metrics: Facts) -> list[Chart]:
    """Precision over recall of the generator beside others, real images or a sweep; or nothing.

    Args:
        metrics: The metrics file.
    """
    points = [("generator", metrics), ("real images", metrics.get("self_test", {}))]
    curves = [
        Curve(name, [facts["recall"]], [facts["precision"]], line=False, colour=colour)
        for colour, (name, facts) in enumerate(points)
        if {"precision", "recall"} <= facts.keys()
    ]
    if sweep := _sweep(metrics.get("details", {})):
        recall, precision = ([point[key] for point in sweep] for key in ("recall", "precision"))
        labels = [f"{point['truncation']:g}" for point in sweep]
        curves.append(Curve("truncations", recall, precision, labels=labels, colour=2))
    unit = "upwards: more realistic; to the right: more varied"
    chart = Chart(
        "Precision over recall",
        unit,
        curves,
        x_label="recall",
        y_label="precision",
        unit_square=True,
    )
    return [chart] if len(curves) > 1 else []  # one point alone is in the table


def _sweep(details: Facts) -> list[Facts]:
    return sorted(details.get("truncation_sweep", ()), key=lambda point: float(point["truncation"]))


def _name(name: str) -> str:
    if name.startswith("intra_"):
        return "Fréchet distance within a class, mean over the classes (lower is better)"
    if name.endswith("_infinity"):
        finite = _name(name.removesuffix("_infinity")).partition(" (")[0]
        return f"{finite}, extrapolated to infinitely many samples"
    return _SCORES.get(name, words(name))


def _interval(name: str, interval: Mapping[str, Any] | None) -> str:
    if interval is None:
        return ""
    low, high = format_score(name, interval["low"]), format_score(name, interval["high"])
    return f"{low} to {high} ({interval['level']:.0%}, {interval['method']})"


def _comparability(protocol: Facts, real: Facts, classifier: Facts) -> str:
    """The protocol in sentences: what the numbers may be compared with."""
    samples, reference = protocol.get("samples", {}), protocol.get("reference", {})
    name = protocol.get("name")
    sentences = [f"Protocol {name}." if name else "No named protocol."]
    if name == QUICK:
        sentences = ["Protocol quick, a first look; evaluation.protocol=null measures in full."]
    if "count" in samples and "count" in reference:
        kind, split = weights_in_words(samples.get("generator", {})), reference.get("split")
        labels = f", {samples['class_labels']}," if "class_labels" in samples else ""
        drawn = ", drawn at random" if "drawn" in str(reference.get("part")) else ""
        sentences.append(
            f"{samples['count']:,} samples{f' of the {kind}' if kind else ''}{labels} against "
            f"{reference['count']:,} real images of {split or 'the reference'}{drawn}."
        )
    if "between" in real:
        held_out = classifier.get("val_split", "val")
        tested_on = "validation images" if held_out == "val" else held_out
        sentences.append(
            f"Last column: the same numbers of real images, {real['between']}; recognised: the "
            f"classifier's balanced accuracy on {tested_on}."
        )
    return " ".join([*sentences, "Numbers of another protocol are not comparable."])


def _missing(scores: Facts) -> Iterator[str]:
    """The measures of a full evaluation that this file lacks."""
    for family, beginnings in _FAMILIES.items():
        if not any(name.startswith(beginnings) for name in scores):
            yield family
