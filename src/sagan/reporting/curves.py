"""Training curves: the journal's numbers sorted into charts and thinned."""

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from sagan.html.charts import FEW_POINTS, Chart, Curve, Mark
from sagan.html.format import words
from sagan.metrics.scores.metric_info import lower_is_better

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Journal = Sequence[Mapping[str, Any]]
# title, unit, and names by the journal's keys; a key that ends in '/' stands for all that begin so
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
    (
        "Logits",
        "mean of D's output",
        {
            "real_logits": "real",
            "fake_logits": "fake",
            "lecam/real_logits": "real, LeCam's average",
            "lecam/fake_logits": "fake, LeCam's average",
        },
    ),
    (
        "Overfitting",
        "mean sign of D's output on real images (r_t); towards 1, D overfits",
        {
            "overfitting/real_signs": "real images",
            "overfitting/probability": "probability of augmentation",
        },
    ),
    (
        "Held-out images",
        "mean of D's output on real images; where validation falls below training, D overfits",
        {
            "overfitting/train_logits": "training images",
            "overfitting/val_logits": "validation images",
        },
    ),
    ("Margin", "real minus fake logits, fixed batch", {"margin": "margin"}),
    ("Gradient norms", "over all weights", {"gradient_norm/": ""}),
    ("Speed", "images / s", {"images_per_second": "images / s"}),
)


def charts(journal: Journal, points: int) -> list[Chart]:
    """Sort the journal's numbers into charts over images seen.

    Args:
        journal: One record per logged step; of the events, only scores are drawn.
        points: Largest number of points per curve; more are averaged in groups of neighbours.

    Returns:
        The charts that have data: scores while training with the best marked, losses, diversity,
        attention, logits, speed, ...; a journal of an earlier version has fewer columns.
    """
    steps = [record for record in journal if "event" not in record and "images_seen" in record]
    keys = list(dict.fromkeys(key for record in steps for key in record))
    drawn = list(_score_charts(journal))
    for title, unit, names in _GROUPS:
        named = _expanded(names, keys).items()
        curves = [_curve(steps, key, name, points) for key, name in named]
        if found := [curve for curve in curves if curve.x]:
            drawn.append(Chart(title, unit, found))
    return drawn


def training_curves_figure(journal: Journal, points: int) -> "Figure":
    """The same charts as one Plotly figure for Kedro-Viz: one at a time, chosen from a menu.

    Args:
        journal: As in `charts`.
        points: As in `charts`.
    """
    from plotly.graph_objects import Figure, Scatter

    drawn = charts(journal, points)
    owned = [(chart, curve) for chart in drawn for curve in chart.curves]
    figure = Figure()
    for chart, curve in owned:
        mode = "lines" if len(curve.x) > FEW_POINTS else "lines+markers"
        line = Scatter(x=curve.x, y=curve.y, name=curve.name, mode=mode)
        figure.add_trace(line.update(legendgroup=chart.title, visible=chart is drawn[0]))
    buttons = [
        {
            "label": chart.title,
            "method": "update",
            "args": [
                {"visible": [owner is chart for owner, _ in owned]},
                {"yaxis.title.text": chart.unit},
            ],
        }
        for chart in drawn
    ]
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.12, "yanchor": "bottom"}
    menu |= {"bgcolor": "#ecece7", "font": {"color": "#33332f"}}  # legible in both of its themes
    return figure.update_layout(
        template="plotly_white",
        margin={"l": 55, "r": 20, "t": 80, "b": 75},
        showlegend=True,  # of a single curve too, which the menu does not name
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        updatemenus=[menu] if drawn else [],
        xaxis_title_text="images seen",
        yaxis_title_text=drawn[0].unit if drawn else None,
    )


def single_scores(journal: Journal) -> dict[str, float]:
    """The scores while training that are alone, which are no curve, by name."""
    found = _scores(journal).items()
    return {f"{words(metric)}, while training": y for metric, [(_, y), *more] in found if not more}


def _scores(journal: Journal) -> dict[str, list[tuple[float, float]]]:
    """Images seen and value of each evaluation during training, by metric."""
    found: dict[str, list[tuple[float, float]]] = {}
    for record in journal:
        value = record.get("value") if record.get("event") == "score" else None
        if isinstance(value, int | float) and isfinite(value):
            point = (float(record["images_seen"]), float(value))
            found.setdefault(str(record["metric"]), []).append(point)
    return found


def _score_charts(journal: Journal) -> Iterator[Chart]:
    """One chart per metric of the evaluations during training, if there are several."""
    for metric, points in _scores(journal).items():
        if len(points) == 1:
            continue
        name = words(metric)
        mark, direction = _best(metric, points)
        curve = Curve(name, [x for x, _ in points], [y for _, y in points])
        yield Chart("Score while training", f"{name}, small protocol{direction}", [curve], mark)


def _best(metric: str, points: Sequence[tuple[float, float]]) -> tuple[Mark | None, str]:
    """The best score and its direction; nothing for a metric without a better direction."""
    try:
        lower = lower_is_better(metric)
    except ValueError:
        return None, ""
    x, y = (min if lower else max)(points, key=lambda point: point[1])
    return Mark("best", x, y), f"; {'lower' if lower else 'higher'} is better"


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
