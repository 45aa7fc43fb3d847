"""Significance of differences between variants over seeds, with sentences that state it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from sagan.metrics.scores.metric_info import lower_is_better

LEVEL = 0.05  # family-wise error over all variants of one score
_AS_REAL = {"diversity_mean", "diversity_min"}  # 1 for real images, more for noise

BETTER, WORSE, SAME, UNKNOWN = "better", "worse", "within noise", "too few seeds"


class Transform(NamedTuple):
    """A variance-stabilising function of a score, its inverse, and the name of the mean under it.

    Means and t-tests over seeds are computed under it.
    """

    forward: Callable[[float], float]
    inverse: Callable[[float], float]
    mean_name: str


def _arcsine(proportion: float) -> float:
    return math.asin(math.sqrt(min(max(proportion, 0.0), 1.0)))


def _inverse_arcsine(angle: float) -> float:
    return math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2


_IDENTITY = Transform(float, float, "mean")
# proportions vary less near 0 and 1
_ARCSINE = Transform(_arcsine, _inverse_arcsine, "mean of arcsines")
# a distance's spread grows with the distance: 5 +- 1 is as much noise as 30 +- 6
_LOGARITHM = Transform(math.log, math.exp, "geometric mean")
_PROPORTIONS = {"recognised", "precision", "recall", "coverage", "classes_hit"}
_DISTANCES = {"fid", "fd_classifier", "fd_rotation"}
_DISTANCES |= {f"intra_{name}" for name in _DISTANCES}


def transform_for(metric: str, values: list[float]) -> Transform:
    """Logarithm for Fréchet distances, arcsine for proportions, else the identity."""
    if metric in _DISTANCES and min(values) > 0:
        return _LOGARITHM
    return _ARCSINE if metric in _PROPORTIONS else _IDENTITY


@dataclass(frozen=True)
class Contrast:
    """Comparison of the reference with one variant, in one score."""

    variant: str
    metric: str
    reference_mean: float
    mean: float
    p: float | None
    """Welch's t-test, corrected by Holm over the variants; None where it cannot be made."""
    reference_is: str
    """`better`, `worse`, `within noise`, or `too few seeds`."""


def contrasts(
    summary: Sequence[dict[str, Any]], reference: str, metrics: Sequence[str]
) -> list[Contrast]:
    """The reference compared with every other variant, score by score.

    Args:
        summary: as `summarise`.
        reference: name of the variant that the others are compared with.
        metrics: the scores to compare.

    Returns:
        One a score and variant, if both sides have a trained seed.
    """
    by_name = {record["variant"]: record["metrics"] for record in summary}
    found: list[Contrast] = []
    for metric in metrics:
        ours = by_name[reference].get(metric)
        theirs = {
            name: scores[metric]
            for name, scores in by_name.items()
            if name != reference and metric in scores
        }
        if ours is None:
            continue
        p_values = holm({name: _p(metric, ours, one) for name, one in theirs.items()})
        for name, one in theirs.items():
            significance = _significance(metric, ours, one, p_values[name])
            means = (ours["mean"], one["mean"])
            found.append(Contrast(name, metric, *means, p_values[name], significance))
    return found


def sentences(found: Sequence[Contrast], reference: str) -> Iterator[str]:
    """One a score: which variants the reference is better than, worse than, or equal to."""
    phrases = {
        BETTER: "is better than",
        WORSE: "is worse than",
        SAME: "cannot be told apart, within the noise of these seeds, from",
        UNKNOWN: "has too few seeds to be compared with",
    }
    for metric in dict.fromkeys(one.metric for one in found):
        of_metric = [one for one in found if one.metric == metric]
        parts = [
            f"{phrase} {', '.join(f'{one.variant} ({one.mean:.3g})' for one in group)}"
            for significance, phrase in phrases.items()
            if (group := [one for one in of_metric if one.reference_is == significance])
        ]
        yield f"{metric}: {reference} ({of_metric[0].reference_mean:.3g}) {'; '.join(parts)}."


def nothing_to_judge(summary: Sequence[dict[str, Any]], reference: str) -> str:
    """Why nothing was compared: which variants were not trained to their end."""
    ended = [record["variant"] for record in summary if record["trained"]]
    if not ended:
        return "No run was trained to its end: nothing was measured."
    if reference not in ended:
        return f"No run of {reference} was trained to its end: nothing can be compared with it."
    return f"Only {reference} was trained to its end: there is nothing to compare it with."


def holm(p_values: dict[str, float | None]) -> dict[str, float | None]:
    """Holm's correction (1979) of several tests; those that could not be made stay None."""
    known = sorted((p, name) for name, p in p_values.items() if p is not None)
    corrected: dict[str, float | None] = dict.fromkeys(p_values)
    highest = 0.0
    for rank, (p, name) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        corrected[name] = highest
    return corrected


def _p(metric: str, ours: dict[str, Any], theirs: dict[str, Any]) -> float | None:
    """Welch's two-sided p of equal transformed means; None below two seeds a side."""
    sides = (_tested_values(metric, ours), _tested_values(metric, theirs))
    if min(map(len, sides)) < 2:
        return None
    forward = transform_for(metric, [*sides[0], *sides[1]]).forward
    first, second = ([forward(value) for value in side] for side in sides)
    if np.ptp(first) == 0 and np.ptp(second) == 0:
        return 1.0 if first[0] == second[0] else None  # nothing varies: no noise to test by
    moments = [(np.mean(side), np.std(side, ddof=1), len(side)) for side in (first, second)]
    return float(stats.ttest_ind_from_stats(*moments[0], *moments[1], equal_var=False).pvalue)


def _significance(
    metric: str, ours: dict[str, Any], theirs: dict[str, Any], p: float | None
) -> str:
    if p is None:
        return UNKNOWN
    if p >= LEVEL:
        return SAME
    if metric in _AS_REAL:
        first, second = (float(np.mean(_tested_values(metric, one))) for one in (ours, theirs))
        return BETTER if first < second else WORSE
    return BETTER if (ours["mean"] < theirs["mean"]) == lower_is_better(metric) else WORSE


def _tested_values(metric: str, record: dict[str, Any]) -> list[float]:
    """The values; for a score that is best at 1, the distance of each seed from it."""
    values: list[float] = record["values"]
    return [abs(1 - value) for value in values] if metric in _AS_REAL else values
