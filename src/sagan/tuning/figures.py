"""Charts of a study's page; each is left out where the study has too little for it."""

import logging
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from optuna import Study
from optuna.importance import get_param_importances
from optuna.trial import TrialState

from sagan.html.charts import NEUTRAL, Chart, Curve
from sagan.html.format import bars, format_value
from sagan.tuning.config import CategoricalDimension, Dimension, TuningConfig

logger = logging.getLogger(__name__)

Trial = Mapping[str, Any]  # a record of `study_results`
_WIDE = 20  # the largest value is so many times the smallest: its axis is logarithmic
_BEST_SHOWN = 3  # trials that the parallel coordinates highlight


class Section(NamedTuple):
    """What the page shows under one heading."""

    title: str
    caption: str
    charts: Sequence[Chart] = ()
    bars: Sequence[dict[str, Any]] = ()


def study_sections(
    study: Study, config: TuningConfig, results: Mapping[str, Any]
) -> Iterator[Section]:
    """Pareto front, history, importance, slices, parallel coordinates and learning curves.

    Args:
        study: With at least one complete trial.
        config: The study's parameters.
        results: As `study_results` returns them.
    """
    complete = [trial for trial in results["trials"] if trial["state"] == "complete"]
    differ = len({str(trial["parameters"]) for trial in complete}) > 1
    if len(config.objectives) > 1:
        yield _pareto_front(complete, results)
    for number, name in enumerate(config.objectives):
        lower = results["objectives"][name] == "minimize"
        yield _history(complete, name, lower=lower)
        if differ:
            yield from _importance(study, number, name)
            yield _slices(complete, name, config.search_space)
            yield _parallel(complete, name, config.search_space, lower=lower)
    if any(len(trial["scores"]) > 1 for trial in results["trials"]):
        yield _learning_curves(results, config.objectives[0])


def _pareto_front(complete: Sequence[Trial], results: Mapping[str, Any]) -> Section:
    best = {trial["number"] for trial in results["best"]}
    charts = []
    for x, y in combinations(results["objectives"], 2):
        curves = [
            Curve(
                "Pareto front" if on_front else "other trials",
                [trial["values"][x] for trial in complete if (trial["number"] in best) is on_front],
                [trial["values"][y] for trial in complete if (trial["number"] in best) is on_front],
                line=False,
                colour=0 if on_front else NEUTRAL,
            )
            for on_front in (False, True)
        ]
        shown = [curve for curve in curves if curve.x]
        charts.append(Chart(f"{y} over {x}", "", shown, x_label=x, y_label=y))
    caption = "Trials that no other trial dominates: none is better in all objectives."
    return Section("Pareto front", caption, charts)


def _history(complete: Sequence[Trial], name: str, *, lower: bool) -> Section:
    numbers = [trial["number"] for trial in complete]
    values = [trial["values"][name] for trial in complete]
    choose = min if lower else max
    best = [choose(values[: place + 1]) for place in range(len(values))]
    steps_x = [number for number in numbers for _ in range(2)][1:]
    steps_y = [value for value in best for _ in range(2)][:-1]
    curves = [
        Curve("best so far", steps_x, steps_y, markers=False, colour=1),
        Curve("complete trials", numbers, values, line=False, colour=0),
    ]
    chart = Chart(name, "by trial", curves, x_label="trial", log=_log(values))
    return Section(f"History of {name}", "Each complete trial, and the best so far.", [chart])


def _importance(study: Study, number: int, name: str) -> Iterator[Section]:
    """Of the parameters that differ between trials: of others Optuna shares it out evenly."""
    tried = [trial.params for trial in study.get_trials(states=(TrialState.COMPLETE,))]
    everywhere = [parameter for parameter in tried[0] if all(parameter in one for one in tried)]
    differ = [p for p in everywhere if any(one[p] != tried[0][p] for one in tried)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls some evaluators experimental
            shares = get_param_importances(
                study, params=differ, target=lambda trial: float(trial.values[number])
            )
    except (RuntimeError, ValueError) as error:  # for example, all values are equal
        logger.info("no importance: %s", error)
        return
    caption = "Share of its variation that each parameter explains (PED-ANOVA). With few trials "
    yield Section(
        f"Parameter importance for {name}",
        caption + "this is a hint.",
        bars=bars(shares, {parameter: f"{share:.0%}" for parameter, share in shares.items()}),
    )


def _slices(complete: Sequence[Trial], name: str, dimensions: Mapping[str, Dimension]) -> Section:
    """The objective over each parameter by itself."""
    charts = []
    for parameter, dimension in dimensions.items():
        trials = sorted(
            (trial for trial in complete if parameter in trial["parameters"]),
            key=lambda trial: _position(dimension, trial["parameters"][parameter]),
        )
        if not trials:
            continue
        x = [trial["parameters"][parameter] for trial in trials]
        y = [trial["values"][name] for trial in trials]
        last = max(trial["number"] for trial in trials) or 1
        ages = [0.35 + 0.65 * trial["number"] / last for trial in trials]
        categorical = isinstance(dimension, CategoricalDimension)
        log = _log(y) + ("x" if getattr(dimension, "log", False) else "")
        points = Curve(
            "", [*map(format_value, x)] if categorical else x, y, line=False, opacity=ages
        )
        charts.append(Chart(parameter, "", [points], x_label="", y_label=name, log=log))
    caption = "One point per complete trial, later ones darker."
    return Section(f"{name} over each parameter", caption, charts)


def _parallel(
    complete: Sequence[Trial], name: str, dimensions: Mapping[str, Dimension], *, lower: bool
) -> Section:
    """One line per trial over all parameters, from the lowest to the highest value of each."""
    order = sorted(complete, key=lambda trial: trial["values"][name], reverse=not lower)
    axes = {parameter: f"{parameter}\n{_extent(d)}" for parameter, d in dimensions.items()}
    curves = []
    for rank, trial in reversed([*enumerate(order)]):
        known = [parameter for parameter in reversed(axes) if parameter in trial["parameters"]]
        best = rank < _BEST_SHOWN
        curves.append(
            Curve(
                f"trial {trial['number']}: {format_value(trial['values'][name])}" if best else "",
                [_position(dimensions[p], trial["parameters"][p]) for p in known],
                [axes[parameter] for parameter in known],
                colour=rank if best else NEUTRAL,
                opacity=1 if best else 0.3,
            )
        )
    label = "from the lowest to the highest value"
    chart = Chart(f"Parameters of the best by {name}", "", curves, x_label=label, rows=len(axes))
    caption = f"One line per complete trial; the best {min(_BEST_SHOWN, len(order))} are coloured."
    return Section(f"Parallel coordinates for {name}", caption, [chart])


def _learning_curves(results: Mapping[str, Any], name: str) -> Section:
    best = results["best"][0]["number"]
    curves = [
        Curve(
            "best trial" if trial["number"] == best else "",
            [int(step) for step in trial["scores"]],
            list(trial["scores"].values()),
            colour=0 if trial["number"] == best else NEUTRAL,
            opacity=1 if trial["number"] == best else 0.5,
        )
        for trial in sorted(results["trials"], key=lambda trial: trial["number"] == best)
        if trial["scores"]
    ]
    log = _log([v for trial in results["trials"] for v in trial["scores"].values()])
    chart = Chart(name, "while training", curves, x_label="score", log=log)
    caption = "One line per trial; those that end early were pruned."
    return Section(f"{name} while training", caption, [chart])


def _position(dimension: Dimension, value: Any) -> float:  # noqa: ANN401 - of any type
    """Where a value lies between the lowest and the highest of its dimension, 0..1."""
    if isinstance(dimension, CategoricalDimension):
        return dimension.choices.index(value) / max(len(dimension.choices) - 1, 1)
    scale = math.log if dimension.log else float
    low, high = scale(dimension.low), scale(dimension.high)
    return float((scale(value) - low) / (high - low or 1))


def _extent(dimension: Dimension) -> str:
    if isinstance(dimension, CategoricalDimension):
        return "; ".join(map(format_value, dimension.choices))
    return f"{format_value(dimension.low)} to {format_value(dimension.high)}"


def _log(values: Sequence[float]) -> str:
    """A logarithmic y axis where values lie orders of magnitude apart."""
    return "y" if values and min(values) > 0 and max(values) > _WIDE * min(values) else ""
