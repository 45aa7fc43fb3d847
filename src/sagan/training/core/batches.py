"""Which images make a batch: a pure function of (seed, images seen, global index).

Nothing is remembered between batches, so a resumed run reads what an uninterrupted one would have
read, and the number of workers does not change the data.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sagan.data.shards.store import ShardSplit
from sagan.training.core.inputs import Stream, random_source

T = TypeVar("T", np.int64, np.bool_)

# below 2**15 elements torch works in the calling thread; above, it waits for its thread team, which
# takes milliseconds where another process holds a core
_ALONE_ELEMENTS = 2**15 - 1


@lru_cache(maxsize=2)  # a batch may span two epochs
def epoch_order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    """The order of one epoch: a permutation of 0..count-1."""
    return random_source(seed, Stream.IMAGE_ORDER, epoch).permutation(count)


@lru_cache(maxsize=2)
def epoch_flips(seed: int, epoch: int, count: int) -> NDArray[np.bool_]:
    """Which places in the order of one epoch are mirrored: about half of them, bool [count]."""
    return random_source(seed, Stream.FLIPS, epoch).random(count) < 0.5


def _at_positions(
    of_epoch: Callable[[int, int, int], NDArray[T]],
    seed: int,
    first: int,
    batch_size: int,
    count: int,
) -> NDArray[T]:
    """What an epoch's table says at the global positions first ... first + batch_size - 1."""
    parts, end = [], first + batch_size
    while first < end:
        epoch, offset = divmod(first, count)
        parts.append(of_epoch(seed, epoch, count)[offset : offset + end - first])
        first += len(parts[-1])
    return np.concatenate(parts)


def batch_indices(seed: int, first: int, batch_size: int, count: int) -> NDArray[np.int64]:
    """Which of `count` images stand at the global positions first ... first + batch_size - 1."""
    return _at_positions(epoch_order, seed, first, batch_size, count)


def mirror(images: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> None:
    """Mirror the chosen images left to right, in place.

    Args:
        images: uint8 [N, H, W, C].
        chosen: bool [N].
    """
    mirrored = torch.from_numpy(np.ascontiguousarray(images[chosen]))
    lines = mirrored.flatten(0, 1)  # [n*H, W, C]
    for some in torch.split(lines, max(1, _ALONE_ELEMENTS // math.prod(lines.shape[1:]))):
        some.copy_(some.flip(1))
    images[chosen] = mirrored.numpy()


class Batches:
    """Random access to the training batches of one split."""

    def __init__(self, split: ShardSplit, *, seed: int, horizontal_flip: bool = False) -> None:
        """Take the split; `horizontal_flip` mirrors half of the images, chosen at random."""
        self._split, self._seed, self._flip = split, seed, horizontal_flip
        self._labels = np.asarray(split.labels, dtype=np.int64)

    def read(self, first: int, batch_size: int) -> tuple[Tensor, Tensor]:
        """The batch that begins at global position `first`.

        A process among several reads its slice of a batch by its own `first` and `batch_size`.

        Returns:
            images uint8 [N, C, H, W] with channels_last strides; class_labels int64 [N].
        """
        where = (self._seed, first, batch_size, len(self._split))
        indices = batch_indices(*where)
        images = self._split.read(indices)
        if self._flip:
            mirror(images.permute(0, 2, 3, 1).numpy(), _at_positions(epoch_flips, *where))
        return images, torch.from_numpy(self._labels[indices])
