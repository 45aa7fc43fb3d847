"""Mean and covariance of features, computed in one pass over any number of images.

Stored in pytorch-fid's `.npz` format (`mu`, `sigma`) together with their protocol.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from sagan.metrics.config import MIN_SAMPLES

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Statistics:
    """Mean float64 [D] and covariance float64 [D, D] of `count` feature vectors."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int
    protocol: dict[str, Any] = field(default_factory=dict)  # JSON-able: what was measured, how

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays in pytorch-fid's format (`mu`, `sigma`), and the protocol as JSON text."""
        metadata = json.dumps({"count": self.count, "protocol": self.protocol}, sort_keys=True)
        return {"mu": self.mean, "sigma": self.covariance, "metadata": np.array(metadata)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        """The inverse of `to_arrays`.

        Raises:
            ValueError: if an array is missing or has the wrong shape, or the protocol is missing.
        """
        missing = [name for name in ("mu", "sigma", "metadata") if name not in arrays]
        if missing:
            raise ValueError(
                f"feature statistics lack {', '.join(missing)}, got {', '.join(sorted(arrays))}; "
                "statistics whose origin is unknown cannot be compared with"
            )
        mean, covariance = arrays["mu"], arrays["sigma"]
        if mean.ndim != 1 or covariance.shape != 2 * mean.shape:
            raise ValueError(
                f"feature statistics: expected mu [D] and sigma [D, D], got {[*mean.shape]} and "
                f"{[*covariance.shape]}"
            )
        metadata = json.loads(str(arrays["metadata"]))
        return cls(mean, covariance, int(metadata["count"]), metadata["protocol"])

    @classmethod
    def of_pytorch_fid(cls, arrays: dict[str, np.ndarray], path: Path) -> Self:
        """Those of pytorch-fid's command, `mu` and `sigma`; of how many images is not known, 0.

        Raises:
            ValueError: if they have the wrong shape.
        """
        mean, covariance = (np.asarray(arrays[name]) for name in ("mu", "sigma"))
        if mean.ndim != 1 or covariance.shape != 2 * mean.shape or mean.dtype.kind != "f":
            raise ValueError(
                f"{path}: expected mu [D] and sigma [D, D], got {[*mean.shape]} and "
                f"{[*covariance.shape]}"
            )
        return cls(mean.astype(np.float64), covariance.astype(np.float64), 0)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read statistics; no code in the file is run.

        Raises:
            ValueError: if the file is damaged or contains anything else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls.from_arrays({name: file[name] for name in file.files})
        except (BadZipFile, EOFError, KeyError, ValueError) as error:
            raise ValueError(f"{path}: not valid feature statistics: {error}") from error

    def save(self, path: Path) -> None:
        """Write a `.npz`, not atomically."""
        with path.open("wb") as file:  # given a name, NumPy would append a suffix
            np.savez(file, allow_pickle=False, **self.to_arrays())


class StreamingStatistics:
    """Mean and covariance of feature vectors that come batch by batch.

    Sums are float64 and merged block by block (Chan, Golub and LeVeque 1979), which does not lose
    digits if the mean is large compared with the deviation. Rows are gathered into blocks, because
    a block's matrix product costs the same for few rows as for many.
    """

    def __init__(self, block_rows: int = 512) -> None:
        """Start with no rows; `block_rows` are merged at once."""
        self._block_rows = block_rows
        self._pending: list[Tensor] = []
        self.count = 0
        self._mean = torch.zeros(0)
        self._scatter = torch.zeros(0)

    def update(self, features: Tensor) -> None:
        """Take in float [N, D].

        Raises:
            ValueError: if a feature is NaN or infinite.
        """
        broken = int((~features.isfinite()).any(dim=1).sum())
        if broken:
            raise ValueError(
                f"features of {broken} of {len(features)} images are NaN or infinite (images "
                f"{self._rows()}..{self._rows() + len(features) - 1}); the network or its weights "
                "are broken"
            )
        self._pending.append(features.detach().to(torch.float64))
        if sum(map(len, self._pending)) >= self._block_rows:
            self._merge()

    def result(self, protocol: dict[str, Any] | None = None) -> Statistics:
        """The statistics of all rows so far; the covariance is unbiased (N - 1).

        Raises:
            ValueError: if there are fewer than two rows.
        """
        if self._rows() < MIN_SAMPLES:
            raise ValueError(
                f"statistics need at least {MIN_SAMPLES} images, got {self._rows()}: one image has "
                "no covariance"
            )
        self._merge()
        covariance = self._scatter / (self.count - 1)
        return Statistics(
            self._mean.cpu().numpy(), covariance.cpu().numpy(), self.count, protocol or {}
        )

    def _rows(self) -> int:
        return self.count + sum(map(len, self._pending))

    def _merge(self) -> None:
        if not self._pending:
            return
        block, self._pending = torch.cat(self._pending), []
        mean = block.mean(dim=0)
        centred = block - mean
        scatter = centred.T @ centred
        if self.count == 0:
            self._mean, self._scatter, self.count = mean, scatter, len(block)
            return
        total = self.count + len(block)
        shift = mean - self._mean
        self._scatter += scatter + torch.outer(shift, shift) * (self.count * len(block) / total)
        self._mean = self._mean + shift * (len(block) / total)
        self.count = total


def measure_statistics(
    features: Iterable[Tensor], protocol: dict[str, Any] | None = None
) -> Statistics:
    """Statistics of feature batches float [N, D], in one pass."""
    streaming = StreamingStatistics()
    for batch in features:
        streaming.update(batch)
    return streaming.result(protocol)


def statistics_of_rows(
    features: Tensor, indices: np.ndarray | None = None, *, block_rows: int = 4096
) -> Statistics:
    """Statistics of some rows of a table, in blocks, so that few rows are float64 at a time.

    Args:
        features: float [N, D].
        indices: int64 [n], rows, possibly repeated; None: all of them.
        block_rows: rows converted at once.
    """
    rows = np.arange(len(features)) if indices is None else np.sort(indices)
    starts = range(0, len(rows), block_rows)
    blocks = (torch.from_numpy(rows[start : start + block_rows]) for start in starts)
    return measure_statistics(features[block] for block in blocks)


def few_samples_warnings(metric: str, **sides: Statistics) -> list[str]:
    """A warning for each side whose covariance is singular, which biases the distance `metric`."""
    return [
        f"{metric}, {name}: {side.count} images are too few for {len(side.mean)} feature "
        "dimensions; the covariance is singular and the distance biased upwards: compare it only "
        "at the same counts"
        for name, side in sides.items()
        if 0 < side.count <= len(side.mean)
    ]
