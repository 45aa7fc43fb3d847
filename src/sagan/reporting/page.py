"""The report: one HTML page that needs nothing beside itself, not even a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from sagan.common.naming import full_names, short_names
from sagan.reporting import data_section as found
from sagan.reporting import metrics_section as measured
from sagan.reporting import pictures
from sagan.reporting import summary_section as facts
from sagan.reporting.charts import chart_data, line_chart
from sagan.reporting.config import ReportingConfig
from sagan.reporting.curves import Chart, Journal, charts

SMALLEST_TILE_PX, LARGEST_TILE_PX = 56, 96  # of one image on the page
_STATIONS = ("acquisition", "data_validation", "preprocessing", "training", "sampling")
_OTHERS = {
    "export",
    "tuning",
    "comparison",
}  # of no account to this run; and a storage's URL may be secret


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
    """The evaluation's, as `sagan.metrics.pictures` made them; None: there are none."""
    parameters: Mapping[str, Any]
    """Every station's parameters: plain mappings, or the models that Kedro made of them."""


def render_report(config: ReportingConfig, contents: Contents) -> str:
    """Lay the artefacts out as one page.

    Args:
        config: How the page looks.
        contents: The saved artefacts.

    Returns:
        HTML with its pictures, curves and styles inside.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        title=config.title,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        **_told(contents),
        **_trained(config, contents),
        **_measured(contents),
        sample_grid=pictures.data_uri(contents.sample_grid),
        attention_maps=pictures.data_uri(contents.attention_maps),
        weights=facts.weights_of(contents.bundle.get("facts", {})),
        has_raw="raw" in contents.bundle,
        data=found.data_summary(contents.validation_report, config.classes_listed),
        parameters=[
            (name, facts.rows(contents.parameters[name])) for name in _in_order(contents.parameters)
        ],
        # titles stand beside the classes; a row for each of a thousand would say nothing more
        generator=facts.rows({k: v for k, v in contents.bundle.items() if k != "class_titles"}),
    )


def _told(c: Contents) -> dict[str, Any]:
    shown = None if c.pictures is None else pictures.origin(c.pictures)
    return {
        "run": c.summary.get("fingerprint", {}).get("run"),
        "headline": facts.headline(c.bundle, c.summary, c.metrics),
        "warnings": facts.warnings(
            c.validation_report, c.bundle, c.journal, c.summary, c.metrics, pictures=shown
        )
        + list(facts.earlier_pictures(c.bundle, _drawn_with(c))),
    }


def _drawn_with(c: Contents) -> dict[str, str | None]:
    """SHA-256 of the weights that each picture was drawn with, where it tells."""
    drawn = {"samples by class": c.sample_grid, "attention maps": c.attention_maps}
    return {name: getattr(picture, "drawn_with", None) for name, picture in drawn.items()}


def _trained(config: ReportingConfig, c: Contents) -> dict[str, Any]:
    events = [record for record in c.journal if record.get("event", "score") != "score"]
    return {
        "charts": [_drawn(chart) for chart in charts(c.journal, config.curve_points)],
        "events": [facts.event(record) for record in events],
        "training": facts.rows({k: v for k, v in c.summary.items() if k != "fingerprint"}),
        "fingerprint": facts.rows(c.summary.get("fingerprint", {})),
    }


def _measured(c: Contents) -> dict[str, Any]:
    """Numbers and pictures of the evaluation; pictures without numbers are not shown."""
    # bundles of earlier versions have no titles
    titles = c.validation_report.get("class_titles", {}) | c.bundle.get("class_titles", {})
    names, arrays = c.bundle["class_names"], c.pictures
    tables = None if c.metrics is None else measured.metric_tables(c.metrics, titles)
    if tables is not None:
        tables["truncation"] = [_drawn(chart) for chart in tables["truncation"]]
    if tables is None or arrays is None:
        return {
            "metrics": tables,
            "pairs": {"nearest": [], "drawn": []},
            "class_pictures": [],
            **_layout(c, []),
        }
    classes = pictures.class_pictures(arrays, full_names(names, titles))
    return {
        "metrics": tables,
        "pairs": pictures.nearest_pairs(arrays, short_names(names, titles)),
        "class_pictures": classes,
        **_layout(c, classes),
    }


def _layout(c: Contents, classes: list[dict[str, Any]]) -> dict[str, Any]:
    side = c.bundle["image_size"]
    return {
        "tile_px": int(np.clip(side, SMALLEST_TILE_PX, LARGEST_TILE_PX)),
        "small": side < SMALLEST_TILE_PX,  # enlarged, and each pixel is to be seen
        "many_classes": len(classes) < len(c.bundle["class_names"]),
    }


def _in_order(parameters: Mapping[str, Any]) -> list[str]:
    """Names of this stream's, in its order; Kedro gives them in any."""
    rest = sorted(set(parameters) - set(_STATIONS) - _OTHERS)
    return [name for name in _STATIONS if name in parameters] + rest


def _drawn(chart: Chart) -> dict[str, Any]:
    return {
        "title": chart.title,
        "unit": chart.unit,
        "names": [curve.name for curve in chart.curves],
        "mark": None if chart.mark is None else f"{chart.mark.name}: {chart.mark.y:.4g}",
        "svg": line_chart(chart),
        "data": chart_data(chart),
    }
