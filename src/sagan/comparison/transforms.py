"""Variance-stabilising transforms under which means and t-tests over seeds are computed."""

import math
from collections.abc import Callable
from typing import NamedTuple


class Transform(NamedTuple):
    """A function of a score, its inverse, and what the mean under it is called."""

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
