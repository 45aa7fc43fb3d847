"""What the report says in words and tables, worked out of the saved artefacts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

Facts = Mapping[str, Any]
Row = tuple[str, str]

_SHARES = {
    *("recognised", "precision", "recall", "coverage", "classes_hit", "class_entropy"),
    *("memorisation", "near_copies"),
}
# of the scores, those among the first numbers; the others stand under Metrics
_HEADLINE = (
    "fid",
    "fid_pil_bicubic",
    "fd_classifier",
    "precision",
    "recall",
    "recognised",
    "diversity_mean",
)
# events that belong to a healthy run; any other is a warning, one of a later version too
_ORDINARY_EVENTS = {"resumed", "interrupted", "score"}
_WARNINGS_SHOWN = 8  # of the training, at the top of the page; all of them stand under Training
_LISTED_VALUES = 12  # entries of a list that a table cell shows


def headline(bundle: Facts, summary: Facts, metrics: Facts | None) -> list[Row]:
    """The handful of numbers a reader asks for first, as (label, value)."""
    tiles = [
        ("image size", f"{bundle['image_size']} px"),
        ("classes", f"{len(bundle['class_names']):,}"),
        ("images seen", f"{summary['images_seen']:,}"),
        ("training time", duration(summary["train_seconds"])),
        ("images per second", f"{summary['images_per_second']:,.0f}"),
    ]
    found = dict(score_items(metrics or {}))
    return tiles + [(label(name), score(name, found[name])) for name in _HEADLINE if name in found]


def scores(summary: Facts, metrics: Facts | None) -> dict[str, float]:
    """The run in a few numbers, for a table with a row a run: what came out, and at what cost."""
    cost = {name: summary[name] for name in ("images_seen", "train_seconds", "images_per_second")}
    return dict(score_items(metrics or {})) | cost


def warnings(
    validation_report: Facts,
    bundle: Facts,
    journal: Sequence[Facts],
    summary: Facts,
    metrics: Facts | None,
    *,
    pictures: Facts | None,
) -> list[str]:
    """What a reader must know before believing the rest.

    Args:
        validation_report: As the data validation station leaves it.
        bundle: The generator's `config.json`.
        journal: The training's.
        summary: The training's.
        metrics: The evaluation's, or None.
        pictures: Whose samples the evaluation's pictures show, as `protocol.samples` of its
            metrics; or None.
    """
    said = []
    if metrics is None:
        said.append(
            "The evaluation has not run: this page has no metrics. "
            "`kedro run --pipeline=evaluate` measures the generator and writes the page again."
        )
    elif pictures is None:
        said.append(
            "The evaluation left no pictures (it is of an earlier version): no nearest training "
            "images and no classes are shown. `kedro run --pipeline=evaluate` makes them."
        )
    elif pictures != metrics["protocol"]["samples"]:
        said.append(
            "The pictures of nearest training images and of classes are not of the samples that "
            "were measured: run the evaluation again."
        )
    said += _mixed_runs(bundle, summary, metrics or {})
    said += _other_weights(bundle, metrics or {})
    said += _other_data(bundle, validation_report)
    said += _training_warnings(journal)
    bad = validation_report.get("counts", {}).get("bad_images", 0)
    if bad:
        images = (
            "1 image could not be used and was"
            if bad == 1
            else (f"{bad:,} images could not be used and were")
        )
        said.append(f"{images} left out; see under Data.")
    for source in (validation_report, metrics or {}):
        said += [str(text) for text in (*source.get("failures", ()), *source.get("warnings", ()))]
    return said


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
        said = " and ".join(others)
        yield (
            f"{said[0].upper()}{said[1:]} are of another generator than this one: "
            "`kedro run --pipelines=sampling,reporting` draws them again and writes the page again."
        )


def event(record: Facts) -> str:
    """A line about something that happened in training, such as a resume."""
    rest = {k: v for k, v in record.items() if k not in {"event", "message"}}
    told = [str(record["message"])] if "message" in record else []
    told += [", ".join(f"{label(key)} {plain(value)}" for key, value in rest.items())]
    name = label(str(record["event"]))
    return f"{name}: {'; '.join(filter(None, told))}" if any(told) else name


def rows(value: Any) -> list[Row]:  # noqa: ANN401 - a model, a mapping, or any JSON value
    """A nested mapping, or a configuration model, as (dotted name, text) rows."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return list(_flat("", value)) if isinstance(value, Mapping) else [("", plain(value))]


def plain(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """One value as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list | tuple):
        more = f", ... ({len(value):,} in all)" if len(value) > _LISTED_VALUES else ""
        return ", ".join(plain(entry) for entry in value[:_LISTED_VALUES]) + more
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(entry)}" for key, entry in value.items())
    return str(value)


def number(value: float) -> str:
    """A number with thousands separated; floats to four significant digits."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def score(name: str, value: float) -> str:
    """A metric's value; shares in percent."""
    return f"{value:.1%}" if name in _SHARES else number(value)


def duration(seconds: float) -> str:
    """3 h 20 min, 4 min 5 s, 12 s."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def label(name: str) -> str:
    """`images_seen` as a reader's words."""
    return name.replace("_", " ")


def _mixed_runs(bundle: Facts, summary: Facts, metrics: Facts) -> Iterator[str]:
    """A sentence for each artefact that another training left."""
    made_by = _run_name(bundle.get("facts", {}))
    measured = measured_generator(metrics)
    for name, run in (("summary and curves", _run_name(summary)), ("metrics", _run_name(measured))):
        if made_by and run and run != made_by:
            yield (
                f"The generator is of run {made_by}, the {name} of run {run}: "
                "this page mixes two trainings. Run the stations after training again."
            )


def weights_of(record: Facts) -> str | None:
    """A generator's weights in a reader's words, of its facts; None where they do not say."""
    spoken = {"ema": "averaged weights (EMA)", "raw": "raw weights"}
    return spoken.get(str(record.get("weights")))


def measured_generator(metrics: Facts) -> Facts:
    """Facts of the generator that the metrics are of; none of a file of samples."""
    found: Facts = metrics.get("protocol", {}).get("samples", {}).get("generator", {})
    return found


def _other_weights(bundle: Facts, metrics: Facts) -> Iterator[str]:
    """A sentence where numbers and pictures are of different weights of one run."""
    shown, measured = weights_of(bundle.get("facts", {})), weights_of(measured_generator(metrics))
    if shown and measured and shown != measured:
        yield (
            f"The metrics are of the run's {measured}; samples by class and attention maps are of "
            f"its {shown}."
        )


def _other_data(bundle: Facts, validation_report: Facts) -> Iterator[str]:
    """A sentence where the validation report is about other images than were trained on."""
    trained, validated = (
        bundle.get("facts", {}).get("data_hash"),
        validation_report.get("data_hash"),
    )
    if trained and validated and trained != validated:
        yield (
            "The generator was trained on other images than those under Data (their hashes "
            "differ): run the stations after validation again."
        )


def _training_warnings(journal: Sequence[Facts]) -> list[str]:
    """A sentence for each event that no healthy run has, in the journal's order."""
    events = [
        record for record in journal if record.get("event", "resumed") not in _ORDINARY_EVENTS
    ]
    said = []
    for record in events[:_WARNINGS_SHOWN]:
        seen = f" at {record['images_seen']:,} images" if "images_seen" in record else ""
        kind = "" if record["event"] == "warning" else f", {label(record['event'])}"
        message = record.get("message") or event(record)
        said.append(f"Training{seen}{kind}: {message}")
    more = len(events) - len(said)
    if more:
        said.append(f"Training: {number(more)} more such events, listed under Training.")
    return said


def score_items(metrics: Facts) -> Iterator[tuple[str, float]]:
    """The metrics file's numbers: whatever stands at its top as a float."""
    for name, value in metrics.items():
        if isinstance(value, float):
            yield name, value


def _run_name(record: Facts) -> str | None:
    fingerprint = record.get("fingerprint")
    return fingerprint.get("run") if isinstance(fingerprint, Mapping) else None


def _flat(prefix: str, value: Mapping[Any, Any]) -> Iterator[Row]:
    for key, entry in value.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(entry, Mapping) and entry:
            yield from _flat(name, entry)
        else:
            yield name, plain(entry)
