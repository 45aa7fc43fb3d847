"""The study's page: one HTML file with its plots, the drawing library once, and no network."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from sagan.tuning.config import TuningConfig
from sagan.tuning.figures import Plot, study_plots
from sagan.tuning.workers.trial_queue import TrialQueue


def render_page(queue: TrialQueue, config: TuningConfig, results: dict[str, Any]) -> str:
    """Lay a study out as one page.

    Args:
        queue: of the study.
        config: the study's parameters.
        results: as `results.study_results`.
    """
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = _short
    environment.filters["breakable"] = _breakable
    plots = study_plots(queue.study, config.objectives)
    return environment.get_template("tuning.html.j2").render(
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        results=results,
        best=results["best"][0],
        default=_default(results),
        objectives=list(results["objectives"]),
        dimensions=list(results["own_values"]),
        plots=[{**plot._asdict(), "html": _html(plot)} for plot in plots],
        plotly=get_plotlyjs(),
    )


def _default(results: dict[str, Any]) -> dict[str, Any] | None:
    """The record of the parameters files' own values, where it is among the complete ones."""
    own = results["own_values"]
    same = [record for record in results["trials"] if record["parameters"] == own]
    return next((record for record in same if record["values"]), None)


def _html(plot: Plot) -> str:
    made: str = plot.figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        default_width="100%",
        config={"displayModeBar": False, "responsive": True},
    )
    return made


def _breakable(name: str) -> Markup:
    """A parameter's name that a narrow column may break, at its dots and underscores."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])", name))


def _short(value: Any) -> str:  # noqa: ANN401 - a parameter, a number
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, float | int):
        return json.dumps(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
