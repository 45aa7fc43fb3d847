"""The report's summary: headline numbers, warnings, events, and the scores of a run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sagan.html.format import format_duration, format_number, format_value, words
from sagan.metrics.scores.metric_info import lower_is_better

Facts = Mapping[str, Any]

_SHARES = {
    *("recognised", "precision", "recall", "coverage", "classes_hit", "class_entropy"),
    *("memorisation", "near_copies"),
}
# the scores among the headline numbers: first what a generator that learnt nothing cannot reach
_HEADLINE = {
    "fid": "FID",
    "fid_pil_bicubic": "FID, PIL's bicubic",
    "fd_classifier": "Fréchet distance (fd_classifier)",
    "fd_rotation": "Fréchet distance (fd_rotation)",
    "recognised": "recognised as their class",
    "recall": "recall",
    "precision": "precision",
    "diversity_mean": "diversity within a class",
}
# events of a healthy run; any other is a warning, also one that a later version writes
_ORDINARY_EVENTS = {"resumed", "interrupted", "score", "started_from"}
_WARNINGS_SHOWN = 8  # of the training, at the top of the page; the section Training has all


def headline(bundle: Facts, summary: Facts, metrics: Facts | None) -> list[tuple[str, str, str]]:
    """The numbers a reader asks for first, as (label, value, what to hold it against)."""
    found, real = dict(score_items(metrics or {})), real_scores(metrics or {})
    classes = len(bundle["class_names"])
    grey = ", grey" if bundle.get("channels") == 1 else ""
    tiles = [
        (label, format_score(name, found[name]), _held_against(name, real, classes))
        for name, label in _HEADLINE.items()
        if name in found
    ]
    return [
        *tiles,
        ("image size", f"{bundle['image_size']} px" + grey, ""),
        ("classes", f"{classes:,}", ""),
        ("images seen", f"{summary['images_seen']:,}", ""),
        ("training time", format_duration(summary["train_seconds"]), ""),
        ("images per second", f"{summary['images_per_second']:,.0f}", ""),
    ]


def _held_against(name: str, real: Facts, classes: int) -> str:
    """The better direction, what chance and what real images reach."""
    parts = [f"{'lower' if lower_is_better(name) else 'higher'} is better"]
    if name == "recognised":
        parts.append(f"by chance {1 / classes:.1%}")
    if name in real:
        parts.append(f"real images {format_score(name, real[name])}")
    return "; ".join(parts)


def real_scores(metrics: Facts) -> dict[str, float]:
    """What real images reach: in the self-test, and recognised by the classifier, of `val`."""
    real = {**metrics.get("self_test", {}), "diversity_mean": 1.0, "diversity_min": 1.0}
    accuracy = metrics.get("classifier", {}).get("val_balanced_accuracy")
    return real if accuracy is None else real | {"recognised": accuracy}


def scores(summary: Facts, metrics: Facts | None) -> dict[str, float]:
    """Scores and costs of the run, for a table with one row per run; no scores of another run."""
    cost = {name: summary[name] for name in ("images_seen", "train_seconds", "images_per_second")}
    found = metrics if metrics and of_one_run(summary, measured_generator(metrics)) else {}
    return dict(score_items(found)) | cost


def of_one_run(one: Facts, other: Facts) -> bool:
    """Whether two records are of one training, as far as both say of which they are."""
    return len({name for record in (one, other) if (name := _run_name(record))}) < 2


def warnings(
    validation_report: Facts,
    bundle: Facts,
    journal: Sequence[Facts],
    summary: Facts,
    metrics: Facts | None,
    *,
    pictures: Facts | None,
) -> list[str]:
    """Everything that puts the rest of the page into doubt, one sentence each.

    Args:
        validation_report: Of the data validation.
        bundle: The generator's `config.json`.
        journal: The training's.
        summary: The training's.
        metrics: The evaluation's, or None.
        pictures: What the samples in the evaluation's pictures are, as `protocol.samples` of its
            metrics; or None.
    """
    found = []
    if metrics is None:
        found.append(
            "The evaluation has not run: this page has no metrics. "
            "`kedro run --pipeline=evaluate` measures the generator and writes the page again."
        )
    elif pictures is None:
        found.append(
            "The evaluation left no pictures (it is of an earlier version): no nearest training "
            "images and no classes are shown. `kedro run --pipeline=evaluate` makes them."
        )
    elif pictures != metrics["protocol"]["samples"]:
        found.append(
            "The pictures of nearest training images and of classes are not of the samples that "
            "were measured: run the evaluation again."
        )
    found += _mixed_runs(bundle, summary, metrics or {})
    found += _other_weights(bundle, metrics or {})
    found += _other_checkpoint(bundle, metrics or {})
    found += _other_data(bundle, validation_report)
    found += _training_warnings(journal)
    bad = validation_report.get("counts", {}).get("bad_images", 0)
    if bad:
        images = "1 image could not be used and was"
        if bad > 1:
            images = f"{bad:,} images could not be used and were"
        found.append(f"{images} left out; see under Data.")
    for source in (validation_report, metrics or {}):
        found += [str(text) for text in (*source.get("failures", ()), *source.get("warnings", ()))]
    return found


def earlier_pictures(bundle: Facts, drawn_with: Mapping[str, str | None]) -> Iterator[str]:
    """A sentence where pictures are of other weights than the generator's.

    Args:
        bundle: The generator's `config.json`.
        drawn_with: SHA-256 of the weights that each picture was drawn with, by its name; None
            where that is not known.
    """
    now = bundle.get("weights_sha256")
    others = [name for name, sha256 in drawn_with.items() if now and sha256 and sha256 != now]
    if others:
        names = " and ".join(others)
        yield (
            f"{names[0].upper()}{names[1:]} are of another generator than this one: "
            "`kedro run --pipelines=sampling,reporting` draws them again and writes the page again."
        )


def event(record: Facts) -> str:
    """One line about an event of the journal, such as a resume."""
    rest = {k: v for k, v in record.items() if k not in {"event", "message", "start"}}
    facts = ", ".join(f"{words(key)} {format_value(value)}" for key, value in rest.items())
    details = "; ".join(filter(None, (str(record.get("message", "")), facts)))
    return ": ".join(filter(None, (words(str(record["event"])), details)))


def format_score(name: str, value: float) -> str:
    """A metric's value; shares in percent."""
    return f"{value:.1%}" if name in _SHARES else format_number(value)


def _mixed_runs(bundle: Facts, summary: Facts, metrics: Facts) -> Iterator[str]:
    """A sentence for each artefact of another training."""
    made_by = _run_name(bundle.get("facts", {}))
    measured = measured_generator(metrics)
    for name, record in (("summary and curves", summary), ("metrics", measured)):
        if not of_one_run(bundle.get("facts", {}), record):
            yield (
                f"The generator is of run {made_by}, the {name} of run {_run_name(record)}: "
                "this page mixes two trainings. Run the pipelines after training again."
            )


def weights_in_words(record: Facts) -> str | None:
    """Which of a generator's weights its facts name, in words; None if they name none."""
    names = {"ema": "averaged weights (EMA)", "raw": "raw weights"}
    return names.get(str(record.get("weights")))


def measured_generator(metrics: Facts) -> Facts:
    """Facts of the generator that was measured; empty if the samples came from a file."""
    found: Facts = metrics.get("protocol", {}).get("samples", {}).get("generator", {})
    return found


def _other_weights(bundle: Facts, metrics: Facts) -> Iterator[str]:
    """A sentence where numbers and pictures are of different weights of one run."""
    shown = weights_in_words(bundle.get("facts", {}))
    measured = weights_in_words(measured_generator(metrics))
    if shown and measured and shown != measured:
        yield (
            f"The metrics are of the run's {measured}; samples by class and attention maps are of "
            f"its {shown}."
        )


def _other_checkpoint(bundle: Facts, metrics: Facts) -> Iterator[str]:
    """A sentence where numbers and pictures are of one run at different numbers of images."""
    facts, measured = bundle.get("facts", {}), measured_generator(metrics)
    shown, before = (one.get("images_seen") for one in (facts, measured))
    if of_one_run(facts, measured) and shown and before and shown != before:
        yield (
            f"The metrics are of the generator after {before:,} images, samples by class and "
            f"attention maps of that after {shown:,}: `kedro run --pipeline=evaluate` measures it."
        )


def _other_data(bundle: Facts, validation_report: Facts) -> Iterator[str]:
    """A sentence where the validation report is about other images than were trained on."""
    trained = bundle.get("facts", {}).get("data_hash")
    validated = validation_report.get("data_hash")
    if trained and validated and trained != validated:
        yield (
            "The generator was trained on other images than those under Data (their hashes "
            "differ): run the pipelines after validation again."
        )


def _training_warnings(journal: Sequence[Facts]) -> list[str]:
    """A sentence for each event that a healthy run does not have, in the journal's order."""
    events = [
        record for record in journal if record.get("event", "resumed") not in _ORDINARY_EVENTS
    ]
    found = []
    for record in events[:_WARNINGS_SHOWN]:
        seen = f" at {record['images_seen']:,} images" if "images_seen" in record else ""
        kind = "" if record["event"] == "warning" else f", {words(record['event'])}"
        message = record.get("message") or event(record)
        found.append(f"Training{seen}{kind}: {message}")
    more = len(events) - len(found)
    if more:
        found.append(f"Training: {format_number(more)} more such events, listed under Training.")
    return found


def score_items(metrics: Facts) -> Iterator[tuple[str, float]]:
    """The metrics file's scores: the floats at its top level."""
    for name, value in metrics.items():
        if isinstance(value, float):
            yield name, value


def _run_name(record: Facts) -> str | None:
    fingerprint = record.get("fingerprint")
    return fingerprint.get("run") if isinstance(fingerprint, Mapping) else None
