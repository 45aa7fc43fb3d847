"""Reservoir sampling: a uniform random subset of bounded size, taken in one pass.

Scores that need more than one pass (neighbours, subsets, resampling) are computed on it.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

SLACK = 1.25  # rows buffered before pruning / rows kept


class FeatureSample(NamedTuple):
    """Features or images of a random subset, in their original order."""

    rows: Tensor
    """[n, ...] on the CPU: features float32, or images uint8."""
    class_labels: Tensor
    """int64 [n], requested classes, or those of real images."""
    indices: Tensor
    """int64 [n], each row's index among all rows."""
    seen: int
    """Number of all rows."""


class ReservoirSampler:
    """Keeps the rows with the smallest random keys.

    The keys are drawn one per row from one generator: the result does not depend on the batch
    size, and each row is kept with the same probability, whatever the order of the labels.
    """

    def __init__(self, limit: int, seed: int = 0) -> None:
        """Keep at most `limit` rows."""
        self._limit, self._random = limit, np.random.default_rng(seed)
        self._parts: list[tuple[Tensor, Tensor, Tensor, np.ndarray]] = []
        self._held, self._threshold, self._seen = 0, np.inf, 0

    def update(self, rows: Tensor, class_labels: Tensor) -> None:
        """Take in [N, ...] and the int64 [N] labels."""
        keys = self._random.random(len(rows))
        chosen = np.flatnonzero(keys < self._threshold)
        positions = torch.from_numpy(chosen)
        held = rows.detach().cpu()[positions], class_labels.cpu()[positions], positions + self._seen
        self._seen += len(rows)
        if len(chosen) == 0:
            return
        self._parts.append((*held, keys[chosen]))
        self._held += len(chosen)
        if self._held > SLACK * self._limit:
            self._prune()

    def result(self) -> FeatureSample:
        """The rows kept.

        Raises:
            ValueError: if there were no rows.
        """
        if self._seen == 0:
            raise ValueError("no rows to sample from")
        self._prune()
        rows, class_labels, indices, _ = self._parts[0]
        return FeatureSample(rows, class_labels, indices, self._seen)

    def _prune(self) -> None:
        """Merge all parts into one and keep the rows with the smallest keys."""
        keys = np.concatenate([part[3] for part in self._parts])
        order = np.arange(len(keys))
        if len(keys) > self._limit:
            order = np.sort(np.argpartition(keys, self._limit)[: self._limit])
            self._threshold = float(keys[order].max())
        chosen = torch.from_numpy(order)
        parts = [torch.cat([part[i] for part in self._parts])[chosen] for i in range(3)]  # type: ignore[misc]
        self._parts = [(parts[0], parts[1], parts[2], keys[order])]
        self._held = len(order)
