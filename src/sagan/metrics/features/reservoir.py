"""A bounded number of rows out of a stream: all of a short one, a uniform draw of a long one.

What cannot be measured in one pass (neighbours, subsets, resampling) works on these.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

SLACK = 1.25  # rows held at once / rows kept


class Kept(NamedTuple):
    """Rows in the order of the stream."""

    rows: Tensor
    """[n, ...] on the CPU: features float32, or images uint8."""
    class_labels: Tensor
    """int64 [n], the class asked for, or a real image's."""
    indices: Tensor
    """int64 [n], each row's place in the stream."""
    seen: int
    """Rows in the whole stream."""


class KeptRows:
    """Keeps the rows with the smallest of random keys, a key a row.

    The keys are one stream of random numbers: what is kept depends on a row's place, not on the
    batches. Every row has the same chance wherever it stands, so that labels in order (0, 1, ...,
    or class after class) do no harm.
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
        places = torch.from_numpy(chosen)
        held = rows.detach().cpu()[places], class_labels.cpu()[places], places + self._seen
        self._seen += len(rows)
        if len(chosen) == 0:
            return
        self._parts.append((*held, keys[chosen]))
        self._held += len(chosen)
        if self._held > SLACK * self._limit:
            self._prune()

    def result(self) -> Kept:
        """What was kept.

        Raises:
            ValueError: if there were no rows.
        """
        if self._seen == 0:
            raise ValueError("nothing was kept: there were no rows")
        self._prune()
        rows, class_labels, indices, _ = self._parts[0]
        return Kept(rows, class_labels, indices, self._seen)

    def _prune(self) -> None:
        """One part of the smallest keys."""
        keys = np.concatenate([part[3] for part in self._parts])
        order = np.arange(len(keys))
        if len(keys) > self._limit:
            order = np.sort(np.argpartition(keys, self._limit)[: self._limit])
            self._threshold = float(keys[order].max())
        chosen = torch.from_numpy(order)
        parts = [torch.cat([part[i] for part in self._parts])[chosen] for i in range(3)]  # type: ignore[misc]
        self._parts = [(parts[0], parts[1], parts[2], keys[order])]
        self._held = len(order)
