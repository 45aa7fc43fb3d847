"""Confidence intervals of the scores.

Student's t over several sets of samples; for a single set the bootstrap (Efron 1979), or Wilson's
interval (1927) for a share of independent samples. Each interval names its method. They cover the
random choice of samples only: scores of another training run differ by more.
"""

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy import stats
from torch import Tensor

from sagan.metrics.features.statistics import Statistics, statistics_of_rows

LEVEL = 0.95
Z = NormalDist().inv_cdf(0.5 + LEVEL / 2)  # 1.96


def wilson_interval(correct: int, count: int) -> dict[str, Any]:
    """Interval of a share of `count` independent samples, as `low`, `high`, `level`, `method`.

    Raises:
        ValueError: if there are no samples, or more correct ones than samples.
    """
    if not 0 <= correct <= count or count == 0:
        raise ValueError(f"a share needs samples: got {correct} correct of {count}")
    interval = stats.binomtest(correct, count).proportion_ci(LEVEL, method="wilson")
    return _interval(interval.low, interval.high, f"Wilson, {count:,} samples")


def repeated_interval(values: Sequence[float]) -> dict[str, Any]:
    """Interval of the mean over independent sets of samples, by Student's t.

    Raises:
        ValueError: if there are fewer than two draws.
    """
    if len(values) < 2:
        raise ValueError(f"an interval over draws needs at least two, got {len(values)}")
    mean, error = float(np.mean(values)), float(stats.sem(values))
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1)) * error
    return _interval(mean - half, mean + half, f"Student's t over {len(values)} draws of samples")


def bootstrap_interval(
    features: Tensor,
    distance: Callable[[Statistics], float],
    *,
    resamples: int,
    estimate: float,
    seed: int = 0,
) -> dict[str, Any]:
    """Interval of a distance: the estimate +- 1.96 standard deviations over resamples.

    A resample has duplicates and so a smaller covariance: its distance is biased upwards, as that
    of fewer samples is. This bias shifts percentiles but not the deviation; so the interval is
    centred on the estimate.

    Args:
        features: float [N, D] of the samples.
        distance: from the samples' statistics to the reference.
        resamples: how many times N features are drawn with replacement.
        estimate: centre of the interval: the distance of all samples.
        seed: of the resampling.

    Raises:
        ValueError: if there are fewer than two resamples or samples.
    """
    if resamples < 2:
        raise ValueError(f"a deviation needs at least two resamples, got {resamples}")
    random, count = np.random.default_rng(seed), len(features)
    values = [
        distance(statistics_of_rows(features, random.integers(0, count, count)))
        for _ in range(resamples)
    ]
    half = Z * float(np.std(values, ddof=1))
    method = f"bootstrap deviation, {resamples} resamples of {count:,} samples"
    return _interval(max(0.0, estimate - half), estimate + half, method)


def _interval(low: float, high: float, method: str) -> dict[str, Any]:
    return {"low": float(low), "high": float(high), "level": LEVEL, "method": method}
