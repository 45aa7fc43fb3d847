"""On which scale a score's seeds are averaged and held against one another."""

import math
from collections.abc import Callable
from typing import NamedTuple


class Scale(NamedTuple):
    """A score as its seeds vary evenly, there and back."""

    there: Callable[[float], float]
    back: Callable[[float], float]
    words: str


def _logit(share: float) -> float:
    inside = min(max(share, _NEAREST), 1 - _NEAREST)  # 0 and 1 themselves are infinitely far
    return math.log(inside / (1 - inside))


def _share(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


_NEAREST = 1e-4  # to 0 and to 1
_PLAIN = Scale(float, float, "mean")
_SHARE = Scale(_logit, _share, "mean of logits")
# a distance's spread grows with the distance: 5 +- 1 is as much noise as 30 +- 6
_RATIO = Scale(math.log, math.exp, "geometric mean")
_SHARES = {"recognised", "precision", "recall", "coverage", "classes_hit"}
_DISTANCES = {"fid", "fd_classifier", "intra_fid", "intra_fd_classifier"}


def scale(metric: str, values: list[float]) -> Scale:
    """Logarithms for Fréchet distances, logits for shares, else the numbers as they are."""
    if metric in _DISTANCES and min(values) > 0:
        return _RATIO
    return _SHARE if metric in _SHARES else _PLAIN
