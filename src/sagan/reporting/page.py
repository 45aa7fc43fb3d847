"""The report: one HTML page that needs nothing beside itself, not even a network."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from sagan.reporting import facts, measured
from sagan.reporting.charts import line_chart
from sagan.reporting.config import ReportingConfig
from sagan.reporting.curves import Chart, Journal, charts

_STATIONS = ("acquisition", "data_validation", "preprocessing", "training", "sampling")
_OTHERS = {"tuning", "comparison"}  # of no account to this run; and a storage's URL may be secret


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
    c = contents
    return environment.get_template("report.html.j2").render(
        title=config.title,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        headline=facts.headline(c.bundle, c.summary, c.metrics),
        warnings=facts.warnings(c.validation_report, c.bundle, c.journal, c.summary, c.metrics),
        sample_grid=data_uri(c.sample_grid),
        attention_maps=data_uri(c.attention_maps),
        charts=[_drawn(chart) for chart in charts(c.journal, config.curve_points)],
        events=[facts.event(record) for record in c.journal if "event" in record],
        metrics=None if c.metrics is None else measured.metric_tables(c.metrics),
        data=facts.data_summary(c.validation_report, config.classes_listed),
        parameters=[(name, facts.rows(c.parameters[name])) for name in _in_order(c.parameters)],
        training=facts.rows({k: v for k, v in c.summary.items() if k != "fingerprint"}),
        fingerprint=facts.rows(c.summary.get("fingerprint", {})),
        generator=facts.rows(c.bundle),
    )


def data_uri(picture: np.ndarray) -> str:
    """A picture as a `data:` address.

    Args:
        picture: uint8 [H, W, 3].
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _in_order(parameters: Mapping[str, Any]) -> list[str]:
    """Names of this stream's, in its order; Kedro gives them in any."""
    rest = sorted(set(parameters) - set(_STATIONS) - _OTHERS)
    return [name for name in _STATIONS if name in parameters] + rest


def _drawn(chart: Chart) -> dict[str, Any]:
    names = [curve.name for curve in chart.curves]
    return {"title": chart.title, "unit": chart.unit, "names": names, "svg": line_chart(chart)}
