"""On which scale a score's seeds are averaged and held against one another."""

import math
from collections.abc import Callable
from typing import NamedTuple


class Scale(NamedTuple):
    """A score as its seeds vary evenly, there and back."""

    there: Callable[[float], float]
    back: Callable[[float], float]
    words: str


def _angle(share: float) -> float:
    return math.asin(math.sqrt(min(max(share, 0.0), 1.0)))


def _share(angle: float) -> float:
    return math.sin(min(max(angle, 0.0), math.pi / 2)) ** 2


_PLAIN = Scale(float, float, "mean")
# the arcsine of the root evens out that shares near 0 and 1 vary less
_SHARE = Scale(_angle, _share, "mean of arcsines")
# a distance's spread grows with the distance: 5 +- 1 is as much noise as 30 +- 6
_RATIO = Scale(math.log, math.exp, "geometric mean")
_SHARES = {"recognised", "precision", "recall", "coverage", "classes_hit"}
_DISTANCES = {"fid", "fd_classifier", "intra_fid", "intra_fd_classifier"}


def scale(metric: str, values: list[float]) -> Scale:
    """Logarithms for Fréchet distances, arcsines for shares, else the numbers as they are."""
    if metric in _DISTANCES and min(values) > 0:
        return _RATIO
    return _SHARE if metric in _SHARES else _PLAIN
