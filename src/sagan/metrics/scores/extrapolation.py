"""The Fréchet distance at infinitely many samples (Chong and Forsyth 2020, "FID infinity").

The distance of N samples is biased by about c / N, with a c that differs between generators. A
straight line through distances at several N, over 1 / N, extrapolates to the unbiased distance.
It is reported under a name of its own, since it is not comparable with the distance at N.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from torch import Tensor

from sagan.metrics.features.statistics import Statistics, statistics_of_rows

MIN_SHARE = 0.1  # of the samples, at the first point (the source: 5,000 of 50,000)


class Extrapolation(NamedTuple):
    """A line through the points (1 / counts, distances)."""

    distance: float
    """At 1 / N = 0; may be negative by chance if the distance is near 0."""
    slope: float
    """Bias of N samples * N."""
    counts: list[int]
    distances: list[float]


def extrapolate(
    features: Tensor, distance: Callable[[Statistics], float], *, points: int = 15, seed: int = 0
) -> Extrapolation:
    """Fit the line to random subsets of the samples, evenly from a tenth of them to all.

    Args:
        features: float [N, D] of the samples, N >= 20.
        distance: from a subset's statistics to the reference.
        points: how many subsets.
        seed: of the subsets.

    Raises:
        ValueError: if there are fewer than two points or twenty samples.
    """
    smallest = round(MIN_SHARE * len(features))
    if points < 2 or smallest < 2:
        raise ValueError(
            f"a line needs at least 2 points and 20 samples, got {points} and {len(features)}"
        )
    random = np.random.default_rng(seed)
    counts = np.linspace(smallest, len(features), points).round().astype(int).tolist()
    distances = []
    for count in counts:
        chosen = random.choice(len(features), count, replace=False)
        distances.append(distance(statistics_of_rows(features, chosen)))
    slope, at_infinity = np.polyfit(1 / np.array(counts), distances, 1)
    return Extrapolation(float(at_infinity), float(slope), counts, distances)
