"""The study's plots, Optuna's own; each is left out where the study has too little for it."""

import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial
    from plotly.graph_objects import Figure

logger = logging.getLogger(__name__)

_FEWEST = 2  # complete trials that say anything of importance or shape
_ABREAST = 3  # slices in one figure
_WIDE = 20  # the greatest value is so many times the least
_HEIGHT_PX = 420
_MARGIN_PX = {"l": 70, "r": 30, "t": 40, "b": 60}
_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}  # a phone has no room beside


class Plot(NamedTuple):
    """A figure with what it shows."""

    title: str
    caption: str
    figure: "Figure"
    broad: bool = False
    """Several axes side by side: a phone scrolls it rather than squeeze it."""


def study_plots(study: "Study", objectives: Sequence[str]) -> list[Plot]:
    """History, importance, slices, parallel coordinates, learning curves and Pareto front.

    Args:
        study: with at least one complete trial.
        objectives: names of its objectives, in order.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls some plots experimental
        return [_laid_out(plot) for plot in _plots(study, objectives)]


def _plots(study: "Study", objectives: Sequence[str]) -> Iterator[Plot]:
    from optuna import visualization as v

    several = len(objectives) > 1
    enough = _differing(study)
    if several and len(objectives) <= 3:
        yield Plot(
            "Pareto front",
            "Trials that no other trial dominates: none is better in all objectives.",
            v.plot_pareto_front(study, target_names=list(objectives)),
        )
    for number, name in enumerate(objectives):
        target = _target(number) if several else None
        told: dict[str, Any] = {"target": target, "target_name": name}
        yield Plot(
            f"History of {name}",
            "Each complete trial, and the best so far.",
            _log_where_wide(v.plot_optimization_history(study, **told), study, number),
        )
        if not enough:
            continue
        importance = _importance(study, told)
        if importance is not None:
            yield Plot(
                f"Parameter importance for {name}",
                "Share of its variation that each parameter explains (PED-ANOVA). With few "
                "trials this is a hint.",
                importance,
            )
        for some in _rows(study):
            yield Plot(
                f"{name} over {', '.join(some)}",
                "One point per complete trial, later ones darker.",
                _log_where_wide(v.plot_slice(study, params=some, **told), study, number),
                broad=len(some) > 1,
            )
        yield Plot(
            f"Parallel coordinates, coloured by {name}",
            "One line per complete trial; drag along an axis to choose a range.",
            v.plot_parallel_coordinate(study, **told),
            broad=True,
        )
    if any(trial.intermediate_values for trial in study.get_trials(deepcopy=False)):
        yield Plot(
            f"{objectives[0]} while training",
            "One line per trial; those that end early were pruned. Steps count scores.",
            _log_where_wide(v.plot_intermediate_values(study), study, 0),
        )


def _rows(study: "Study") -> list[list[str]]:
    """Names of searched parameters, as many together as one figure shows side by side."""
    names = sorted({name for trial in study.get_trials(deepcopy=False) for name in trial.params})
    return [names[first : first + _ABREAST] for first in range(0, len(names), _ABREAST)]


def _target(number: int) -> "Callable[[FrozenTrial], float]":
    return lambda trial: float(trial.values[number])


def _differing(study: "Study") -> bool:
    """Whether complete trials differ, in values and parameters."""
    complete = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    return len(complete) >= _FEWEST and len({str(sorted(t.params.items())) for t in complete}) > 1


def _log_where_wide(figure: "Figure", study: "Study", number: int) -> "Figure":
    """The figure, with a logarithmic axis of values where they lie orders of magnitude apart."""
    trials = study.get_trials(deepcopy=False)
    found = [trial.values[number] for trial in trials if trial.state.name == "COMPLETE"]
    found += [value for trial in trials for value in trial.intermediate_values.values()]
    if found and min(found) > 0 and max(found) > _WIDE * min(found):
        figure.update_yaxes(type="log")
    return figure


def _importance(study: "Study", told: dict[str, Any]) -> "Figure | None":
    from optuna import visualization as v

    try:
        return v.plot_param_importances(study, **told)
    except (RuntimeError, ValueError) as error:  # all trials came to the same
        logger.info("no importance: %s", error)
        return None


def _laid_out(plot: Plot) -> Plot:
    _tick_plainly(plot.figure)
    plot.figure.update_layout(
        title=None,
        template="plotly_white",
        height=_HEIGHT_PX,
        margin=_MARGIN_PX,
        legend=_LEGEND,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    return plot


def _tick_plainly(figure: "Figure") -> None:
    """Whole numbers at logarithmic axes, 1, 2 and 5 of each decade; Plotly writes bare digits."""
    for letter, axes in (("x", figure.select_xaxes()), ("y", figure.select_yaxes())):
        for axis in axes:
            name = axis.plotly_name.replace("axis", "")
            values = [
                value
                for trace in figure.data
                if (trace[f"{letter}axis"] or letter) == name
                for value in trace[letter]
            ]
            if axis.type == "log" and values:
                ticks = round_numbers(min(values), max(values))
                axis.update(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])


def round_numbers(low: float, high: float) -> list[float]:
    """Every 1, 2 and 5 times a power of ten between two positive numbers, or one about them."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    candidates = [float(f"{digit}e{decade}") for decade in decades for digit in (1, 2, 5)]
    return [tick for tick in candidates if low <= tick <= high] or [float(f"{low:.1g}")]
