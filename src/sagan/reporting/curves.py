"""Curves out of the training journal: what is drawn together, thinned to what a picture shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from math import isfinite
from typing import TYPE_CHECKING, Any

from sagan.metrics.metric_info import lower_is_better

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Journal = Sequence[Mapping[str, Any]]
# title, unit, and names by the journal's keys; one that ends in '/' stands for all below it
_GROUPS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (
        "Losses",
        "of each update",
        {"discriminator_loss": "discriminator", "generator_loss": "generator"},
    ),
    (
        "Diversity",
        "real images 1, copies of one image 0",
        {
            "diversity": "generator, mean of classes",
            "diversity_min": "generator, lowest class",
            "diversity_ema": "averaged generator, mean",
            "diversity_ema_min": "averaged generator, lowest",
        },
    ),
    ("Attention", "gamma; at 0 a block has no effect", {"gamma/": ""}),
    (
        "Entropy of attention",
        "1: uniform, 0: at one location",
        {"attention_entropy/": ""},
    ),
    ("Logits", "mean of D's output", {"real_logits": "real", "fake_logits": "fake"}),
    ("Margin", "real minus fake logits, fixed batch", {"margin": "margin"}),
    ("Gradient norms", "over all weights", {"gradient_norm/": ""}),
    ("Speed", "images / s", {"images_per_second": "images / s"}),
)

# of the Plotly figure, on a light and on a dark page
_COLOURS = ("#2a86e0", "#e0662a", "#1fa876", "#9a63d6", "#b58200", "#d0467e")
_MENU = {"bgcolor": "#ecece7", "font": {"color": "#33332f"}}
FEW_POINTS = 10  # are marked, each


@dataclass(frozen=True)
class Curve:
    """One named line: `y` over `x` images seen."""

    name: str
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Mark:
    """A point that stands out of a chart, and why."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Chart:
    """Curves that share their axes."""

    title: str
    unit: str
    curves: list[Curve]
    mark: Mark | None = None
    x_label: str = "images seen"


def charts(journal: Journal, points: int) -> list[Chart]:
    """Sort the journal's numbers into charts over images seen.

    Args:
        journal: One record a logged step; records with an `event` are no steps and are left out.
        points: Points a curve at most; more are averaged in groups of neighbours.

    Returns:
        The charts that have anything to show: scores while training with the best marked, losses,
        diversity, attention, logits, speed, ...; a journal of an earlier version has fewer columns.
    """
    steps = [record for record in journal if "event" not in record and "images_seen" in record]
    keys = list(dict.fromkeys(key for record in steps for key in record))
    drawn = [
        Chart(
            title,
            unit,
            [_curve(steps, key, name, points) for key, name in _expanded(names, keys).items()],
        )
        for title, unit, names in _GROUPS
    ]
    kept = (Chart(c.title, c.unit, [line for line in c.curves if line.x]) for c in drawn)
    return [*_score_charts(journal), *(chart for chart in kept if chart.curves)]


def curves_figure(journal: Journal, points: int) -> "Figure":
    """The same charts as one Plotly figure: one at a time, chosen from a menu.

    Kedro-Viz gives a figure so little height that nine charts below one another would overlap.

    Args:
        journal: As in `charts`.
        points: As in `charts`.
    """
    from plotly.graph_objects import Figure, Scatter

    drawn = charts(journal, points)
    figure = Figure()
    for chart in drawn:
        for curve, colour in zip(chart.curves, cycle(_COLOURS), strict=False):
            mode = "lines" if len(curve.x) > FEW_POINTS else "lines+markers"
            line = Scatter(x=curve.x, y=curve.y, name=curve.name, mode=mode)
            line.update(legendgroup=chart.title, visible=chart is drawn[0], line_color=colour)
            figure.add_trace(line)
    figure.update_layout(
        template="plotly_white",
        margin={"l": 55, "r": 20, "t": 80, "b": 75},
        showlegend=True,  # of a single line too, which the menu does not name
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        updatemenus=[_menu(drawn)] if drawn else [],
    )
    figure.update_xaxes(title_text="images seen")
    return figure.update_yaxes(title_text=drawn[0].unit if drawn else None)


def _menu(drawn: Sequence[Chart]) -> dict[str, Any]:
    """A choice of one chart: its curves and the unit at its axis."""
    owners = [chart.title for chart in drawn for _ in chart.curves]
    buttons = [
        {
            "label": chart.title,
            "method": "update",
            "args": [
                {"visible": [owner == chart.title for owner in owners]},
                {"yaxis.title.text": chart.unit},
            ],
        }
        for chart in drawn
    ]
    place = {"x": 0, "xanchor": "left", "y": 1.12, "yanchor": "bottom"}
    return {"buttons": buttons, **place, **_MENU}


def _score_charts(journal: Journal) -> Iterator[Chart]:
    """Small evaluations of the run, a chart for each metric that it was watched by."""
    found: dict[str, Curve] = {}
    for record in journal:
        value = record.get("value") if record.get("event") == "score" else None
        if isinstance(value, int | float) and isfinite(value):
            metric = str(record["metric"])
            curve = found.setdefault(metric, Curve(metric.replace("_", " "), [], []))
            curve.x.append(float(record["images_seen"]))
            curve.y.append(float(value))
    for metric, curve in found.items():
        mark, told = _best(metric, curve)
        yield Chart("Score while training", f"{curve.name}, small protocol{told}", [curve], mark)


def _best(metric: str, curve: Curve) -> tuple[Mark | None, str]:
    """The best score and which way is better; nothing for a metric that has no better."""
    try:
        lower = lower_is_better(metric)
    except ValueError:
        return None, ""
    best = (min if lower else max)(curve.y)
    direction = "lower" if lower else "higher"
    return Mark("best", curve.x[curve.y.index(best)], best), f"; {direction} is better"


def _expanded(names: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """The group's names with each prefix replaced by the journal's keys below it."""
    found: dict[str, str] = {}
    for name, shown in names.items():
        below = [key for key in keys if name.endswith("/") and key.startswith(name)]
        found |= {key: key.removeprefix(name) for key in below} or {name: shown}
    return found


def _curve(steps: Journal, key: str, name: str, points: int) -> Curve:
    pairs = [
        (float(record["images_seen"]), float(record[key]))
        for record in steps
        if isinstance(record.get(key), int | float) and isfinite(record[key])
    ]
    size = -(-len(pairs) // points) or 1
    groups = [pairs[start : start + size] for start in range(0, len(pairs), size)]
    return Curve(
        name,
        [group[-1][0] for group in groups],
        [sum(y for _, y in group) / len(group) for group in groups],
    )
