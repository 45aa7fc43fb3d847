"""The report: one HTML page that needs no other file and no network."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sagan.common.naming import full_names, short_names
from sagan.html.format import table_rows, words
from sagan.html.images import data_uri
from sagan.html.pages import render
from sagan.reporting import pictures, summary_section
from sagan.reporting.config import ReportingConfig
from sagan.reporting.curves import Journal, charts, single_scores
from sagan.reporting.data_section import data_summary
from sagan.reporting.metrics_section import metric_tables

SMALLEST_TILE_PX, LARGEST_TILE_PX = 56, 96  # of one image on the page
_PIPELINES = ("acquisition", "data_validation", "preprocessing", "training", "sampling")
# not part of a single run; the tuning storage URL may contain a password
_NOT_SHOWN = {"export", "tuning", "comparison", "completion"}


@dataclass(frozen=True)
class Contents:
    """The saved artefacts that a report is made of."""

    validation_report: Mapping[str, Any]
    bundle: Mapping[str, Any]
    """The generator bundle's `config.json`."""
    journal: Journal
    summary: Mapping[str, Any]
    sample_grid: np.ndarray
    """uint8 [H, W, 3]."""
    attention_maps: np.ndarray
    """uint8 [H, W, 3]."""
    metrics: Mapping[str, Any] | None
    """None: the evaluation has not run."""
    pictures: Mapping[str, np.ndarray] | None
    """The evaluation's, as `sagan.metrics.pictures` makes them; None: there are none."""
    parameters: Mapping[str, Any]
    """Of the command that writes the page, by pipeline; the training's are in `summary`."""


def render_report(config: ReportingConfig, contents: Contents) -> str:
    """The artefacts as one HTML page with its pictures, charts and styles inside.

    Args:
        config: How the page looks.
        contents: The saved artefacts.
    """
    bundle = contents.bundle
    return render(
        Path(__file__).parent,
        "report.html.j2",
        **_summary(config, contents),
        **_training(config, contents),
        **_evaluation(contents),
        sample_grid=data_uri(contents.sample_grid),
        attention_maps=data_uri(contents.attention_maps),
        weights=summary_section.weights_in_words(bundle.get("facts", {})),
        has_raw="raw" in bundle,
        truncation=getattr(contents.sample_grid, "truncation", None),
        data=data_summary(contents.validation_report, config.classes_listed),
        parameters=_parameters(contents),
        # class titles are shown with the classes; a table row for each of a thousand is no use
        generator=table_rows({k: v for k, v in bundle.items() if k != "class_titles"}),
    )


def _summary(config: ReportingConfig, c: Contents) -> dict[str, Any]:
    fingerprint = c.summary.get("fingerprint", {})
    name = fingerprint.get("run_name")
    shown = None if c.pictures is None else pictures.origin(c.pictures)
    drawn = {"samples by class": c.sample_grid, "attention maps": c.attention_maps}
    drawn_with = {name: getattr(picture, "drawn_with", None) for name, picture in drawn.items()}
    return {
        "title": f"{config.title}: {name}" if name else config.title,
        "run": fingerprint.get("run"),
        "headline": summary_section.headline(c.bundle, c.summary, c.metrics),
        "warnings": [
            *summary_section.warnings(
                c.validation_report, c.bundle, c.journal, c.summary, c.metrics, pictures=shown
            ),
            *summary_section.earlier_pictures(c.bundle, drawn_with),
        ],
    }


def _training(config: ReportingConfig, c: Contents) -> dict[str, Any]:
    events = [record for record in c.journal if record.get("event", "score") != "score"]
    elsewhere = {"fingerprint", "parameters"}  # on the page
    facts = {words(k): v for k, v in c.summary.items() if k not in elsewhere}
    made_on = {words(k): v for k, v in c.summary.get("fingerprint", {}).items()}
    return {
        "charts": charts(c.journal, config.curve_points),
        "events": [summary_section.event(record) for record in events],
        "training": table_rows(facts | single_scores(c.journal)),
        "environment": table_rows(made_on),
    }


def _evaluation(c: Contents) -> dict[str, Any]:
    """Numbers and pictures of the evaluation; pictures without numbers are not shown."""
    # bundles of earlier versions have no titles
    titles = c.validation_report.get("class_titles", {}) | c.bundle.get("class_titles", {})
    names = c.bundle["class_names"]
    tables = None if c.metrics is None else metric_tables(c.metrics, titles)
    pairs: dict[str, Any] = {"nearest": [], "drawn": []}
    classes: list[dict[str, Any]] = []
    projected: list[dict[str, Any]] = []
    if tables is not None and c.pictures is not None:
        pairs = pictures.nearest_pairs(c.pictures, short_names(names, titles))
        classes = pictures.class_pictures(c.pictures, full_names(names, titles))
        by_class = (c.metrics or {}).get("details", {}).get("projection", {}).get("by_class", {})
        shown = dict(zip(names, full_names(names, titles), strict=True))
        projected = pictures.projections(c.pictures, by_class, shown)
    return {
        "metrics": tables,
        "pairs": pairs,
        "class_pictures": classes,
        "projected": projected,
        **_layout(c, classes),
    }


def _layout(c: Contents, classes: list[dict[str, Any]]) -> dict[str, Any]:
    side = c.bundle["image_size"]
    return {
        "tile_px": int(np.clip(side, SMALLEST_TILE_PX, LARGEST_TILE_PX)),
        "small": side < SMALLEST_TILE_PX,  # enlarged with visible pixels
        "many_classes": len(classes) < len(c.bundle["class_names"]),
    }


def _parameters(c: Contents) -> list[tuple[str, Any]]:
    """Tables by pipeline, in the order of the data flow; the training's as it recorded them."""
    trained = c.summary.get("parameters")  # absent in runs of earlier versions
    given = {name: one for name, one in c.parameters.items() if name not in _NOT_SHOWN}
    given = given | {"training": trained} if trained else given
    rest = sorted(set(given) - set(_PIPELINES))
    return [(name, table_rows(given[name])) for name in (*_PIPELINES, *rest) if name in given]
