"""The kernel distance: squared maximum mean discrepancy (KID; Binkowski et al. 2018, section 4).

Unlike the Fréchet distance it is unbiased for any number of samples, and so may be negative.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sagan.metrics.config import MIN_SAMPLES

ROWS = 1024  # of a block of the kernel matrix


class KernelDistance(NamedTuple):
    """Over the subsets: the mean, and the standard deviation of one subset's estimate."""

    mean: float
    std: float
    subsets: int
    subset_size: int


def kernel_distance(
    first: Tensor, second: Tensor, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> KernelDistance:
    """MMD^2 with the kernel (x y / D + 1)^3, the mean of unbiased estimates over random subsets.

    Args:
        first: float [N, D].
        second: float [M, D].
        subsets: how many pairs of subsets are drawn, each without replacement.
        subset_size: vectors in a subset; at most N and M are taken.
        seed: of the subsets.

    Raises:
        ValueError: if a side has fewer than two vectors, dimensions differ, or one is NaN.
    """
    size = min(subset_size, len(first), len(second))
    if size < MIN_SAMPLES:
        raise ValueError(
            f"a kernel distance needs subsets of at least {MIN_SAMPLES} vectors, got {size}"
        )
    random = np.random.default_rng(seed)
    estimates = []
    for _ in range(subsets):
        chosen = [
            torch.from_numpy(random.choice(len(side), size, replace=False)).to(side.device)
            for side in (first, second)
        ]
        estimates.append(squared_discrepancy(first[chosen[0]], second[chosen[1]]))
    return KernelDistance(float(np.mean(estimates)), float(np.std(estimates)), subsets, size)


def squared_discrepancy(first: Tensor, second: Tensor) -> float:
    """The unbiased estimate of MMD^2 from all vectors (Gretton et al. 2012, equation 3).

    Args:
        first: float [N, D], N >= 2.
        second: float [M, D], M >= 2.

    Raises:
        ValueError: if dimensions differ, or a value is NaN or infinite.
    """
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"feature dimensions differ: {first.shape[1]} and {second.shape[1]}")
    if not (bool(first.isfinite().all()) and bool(second.isfinite().all())):
        raise ValueError("a kernel distance of features that are NaN or infinite")
    n, m = len(first), len(second)
    within_first = (_kernel_sum(first, first) - _diagonal_sum(first)) / (n * (n - 1))
    within_second = (_kernel_sum(second, second) - _diagonal_sum(second)) / (m * (m - 1))
    return within_first + within_second - 2 * _kernel_sum(first, second) / (n * m)


def _kernel_sum(first: Tensor, second: Tensor) -> float:
    """Sum of the kernel over all pairs, in blocks of rows."""
    y = second.to(torch.float64).T
    total = 0.0
    for start in range(0, len(first), ROWS):
        products = first[start : start + ROWS].to(torch.float64) @ y  # [rows, M]
        total += float(products.div_(len(y)).add_(1).pow_(3).sum())
    return total


def _diagonal_sum(features: Tensor) -> float:
    squares = features.to(torch.float64).square().sum(dim=1)  # [N]
    return float((squares / features.shape[1] + 1).pow(3).sum())
