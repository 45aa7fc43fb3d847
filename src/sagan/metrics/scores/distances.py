"""Distances and nearest neighbours of feature vectors, computed in blocks.

The full [N, M] matrix would take 20 GB for 50,000 vectors on each side; a block takes
`rows * columns * 8` bytes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from sagan.common.progress import progress_bar

ROWS, COLUMNS = 1024, 8192  # of a block: 64 MiB in float64
# squared distances below this share of the squared lengths are rounding: the vectors are equal
ROUNDING = 1e-13


class Block(NamedTuple):
    """Squared distances float64 [rows, columns] from first[start:stop] to second[left:right]."""

    rows: slice
    columns: slice
    squared: Tensor


class Neighbours(NamedTuple):
    """The k nearest base vectors of each of N queries, nearest first."""

    indices: Tensor  # int64 [N, k]
    distances: Tensor  # float64 [N, k], feature units


def distance_blocks(
    first: Tensor, second: Tensor, *, rows: int = 0, columns: int = 0, what: str = ""
) -> Iterator[Block]:
    """Yield all squared distances in blocks, row by row.

    Both sides are centred by the mean of the second, so that |x|^2 + |y|^2 - 2 x y in float64
    loses no digits if the mean is large compared with the distances.

    Args:
        first: float [N, D].
        second: float [M, D], on the same device.
        rows: of a block; 0: `ROWS`.
        columns: of a block; 0: `COLUMNS`.
        what: title of the progress bar; empty: no bar.

    Raises:
        ValueError: if the dimensions differ or a value is NaN or infinite.
    """
    _check(first, second)
    rows, columns = rows or ROWS, columns or COLUMNS
    centre = second.to(torch.float64).mean(dim=0)
    with progress_bar(what, len(first), "rows", leave=False) as bar:
        for top in range(0, len(first), rows):
            x = first[top : top + rows].to(torch.float64) - centre  # [rows, D]
            for left in range(0, len(second), columns):
                y = second[left : left + columns].to(torch.float64) - centre  # [columns, D]
                squared = _squared(x, y)
                yield Block(slice(top, top + len(x)), slice(left, left + len(y)), squared)
            bar.update(len(x))


def nearest(
    queries: Tensor, base: Tensor, k: int = 1, *, same: bool = False, what: str = ""
) -> Neighbours:
    """The k nearest base vectors of each query, exactly.

    Args:
        queries: float [N, D].
        base: float [M, D].
        k: how many.
        same: queries and base are the same set; no vector is its own neighbour, but a duplicate
            of it is.
        what: title of the progress bar.

    Raises:
        ValueError: if the base has fewer than k vectors.
    """
    available = len(base) - same
    if not 1 <= k <= available:
        raise ValueError(f"{k} nearest neighbours asked for, of {max(available, 0)} vectors")
    count, device = len(queries), queries.device
    best = torch.full((count, k), torch.inf, dtype=torch.float64, device=device)
    indices = torch.zeros((count, k), dtype=torch.int64, device=device)
    for rows, columns, squared in distance_blocks(queries, base, what=what):
        if same:
            _exclude_self(squared, rows, columns)
        positions = torch.arange(columns.start, columns.stop, device=device).expand_as(squared)
        candidates = torch.cat([best[rows], squared], dim=1)
        best[rows], chosen = candidates.topk(k, dim=1, largest=False, sorted=True)
        indices[rows] = torch.cat([indices[rows], positions], dim=1).gather(1, chosen)
    return Neighbours(indices, best.sqrt())


def _squared(x: Tensor, y: Tensor) -> Tensor:
    lengths = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)[None, :]
    squared = torch.addmm(lengths, x, y.T, alpha=-2)
    return squared.masked_fill_(squared <= ROUNDING * lengths, 0)


def _exclude_self(squared: Tensor, rows: slice, columns: slice) -> None:
    """Set the distance of each vector to itself to infinity, in place."""
    first, last = max(rows.start, columns.start), min(rows.stop, columns.stop)
    if first < last:
        shared = torch.arange(first, last, device=squared.device)
        squared[shared - rows.start, shared - columns.start] = torch.inf


def _check(first: Tensor, second: Tensor) -> None:
    if first.ndim != 2 or first.shape[1:] != second.shape[1:]:
        raise ValueError(
            f"features: expected two float [N, D] of one D, got {[*first.shape]} and "
            f"{[*second.shape]}"
        )
    for name, features in (("first", first), ("second", second)):
        if not bool(features.isfinite().all()):
            raise ValueError(f"the {name} features hold NaN or infinity")
