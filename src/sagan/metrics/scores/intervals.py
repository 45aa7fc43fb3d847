"""How far a number would move if it were measured again.

Over several draws of samples where there are several; otherwise by resampling the one draw
(Efron 1979), or by Wilson's interval (1927) for a share of independent samples. Each interval says
which. All of them speak of the draw of samples alone: another training moves a number further.
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


def wilson_interval(right: int, count: int) -> dict[str, Any]:
    """For a share of `count` independent samples: JSON-able `low`, `high`, `level`, `method`.

    Raises:
        ValueError: if there are no samples, or more right ones than samples.
    """
    if not 0 <= right <= count or count == 0:
        raise ValueError(f"a share needs samples: got {right} correct of {count}")
    share, squared = right / count, Z * Z / count
    centre = (share + squared / 2) / (1 + squared)
    half = Z / (1 + squared) * np.sqrt(share * (1 - share) / count + squared / (4 * count))
    # the ends are exact where no sample, or every one, is right; their sums are not
    low = 0.0 if right == 0 else centre - half
    high = 1.0 if right == count else centre + half
    return _interval(low, high, f"Wilson, {count:,} samples")


def repeated_interval(values: Sequence[float]) -> dict[str, Any]:
    """For the mean over independent draws of samples, by Student's t.

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
    estimate: float | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """For a distance of one draw of samples: the estimate +- 1.96 deviations of resampled ones.

    A resample has copies and so a smaller covariance: its distance is biased upwards, as that of
    fewer samples is. The deviation is not moved by that, percentiles would be; so the interval is
    laid around the estimate of the draw itself.

    Args:
        features: float [N, D] of the samples.
        distance: to the reference, of the samples' statistics.
        resamples: how many times N features are drawn with replacement.
        estimate: what the interval is laid around, where the features are a part of the samples;
            None: the distance of the features.
        seed: of the resampling.

    Raises:
        ValueError: if there are fewer than two resamples or samples.
    """
    if resamples < 2:
        raise ValueError(f"a deviation needs at least two resamples, got {resamples}")
    random, count = np.random.default_rng(seed), len(features)
    if estimate is None:
        estimate = distance(statistics_of_rows(features))
    values = [
        distance(statistics_of_rows(features, random.integers(0, count, count)))
        for _ in range(resamples)
    ]
    half = Z * float(np.std(values, ddof=1))
    method = f"bootstrap deviation, {resamples} resamples of {count:,} samples"
    return _interval(max(0.0, estimate - half), estimate + half, method)


def _interval(low: float, high: float, method: str) -> dict[str, Any]:
    return {"low": float(low), "high": float(high), "level": LEVEL, "method": method}
