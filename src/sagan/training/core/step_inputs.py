"""Inputs of a step: a process's share of every batch, by global index.

For a GPU a thread reads a step ahead into pinned memory, and all inputs of a step are copied to the
device at once, without waiting.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from sagan.common.pixels import to_float
from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig
from sagan.training.core.augmentation.methods import Augmentation
from sagan.training.core.batches import Batches
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.inputs import Stream, add_real_noise, draw_latents_and_labels, label_counts
from sagan.training.core.sizes import fakes_per_update, images_per_step

T = TypeVar("T")
_ALIGNMENT = 16  # bytes

Update = tuple[Tensor, ...]
"""Of D: images [N, C, H, W], labels int64 [N], z, y, draws; of G: z [N, Z], y int64 [N], draws.
Images are uint8, or float32, -1..1, where noise was added. Draws are the augmentation's random
numbers, float32 [N, numbers], none where it is off."""


class InputSampler:
    """Real images, latents, labels and the augmentation's random numbers of each update."""

    def __init__(
        self,
        shards: ShardStore,
        config: TrainingConfig,
        context: DistributedContext,
        augmentation: Augmentation,
        *,
        latent_dim: int,
        num_classes: int,
        ahead: bool | None = None,
    ) -> None:
        """Bind to the images, the run, this process, the augmentation, Z and K.

        `ahead` reads in a thread, and copies all inputs of a step at once; None: on a GPU.
        """
        self._batches = Batches(
            shards.split("train"), seed=config.seed, horizontal_flip=config.horizontal_flip
        )
        self._config, self._context, self._augmentation = config, context, augmentation
        self._sizes = {"latent_dim": latent_dim, "num_classes": num_classes}
        self._class_counts = label_counts(config, shards)
        self._ahead = context.device.type == "cuda" if ahead is None else ahead

    def steps(self, images_seen: int) -> Generator[list[Update]]:
        """The inputs of each step from here to the end, on the device: D's updates, then G's."""
        config, device = self._config, self._context.device
        starts = range(images_seen, config.total_images, images_per_step(config))
        if not self._ahead:
            for start in starts:
                yield [tuple(t.to(device) for t in update) for update in self.read(start)]
            return
        pack = partial(_packed, pinned=device.type == "cuda")
        for packed, places in _read_ahead(lambda at: pack(self.read(at)), starts, device):
            moved = packed.to(device, non_blocking=True)
            yield [tuple(place.of(moved) for place in of_update) for of_update in places]

    def read(self, images_seen: int) -> list[Update]:
        """The inputs of one step, on the host."""
        config, updates = self._config, []
        share = self._context.share(config.batch_size)
        for _ in range(config.discriminator_steps):
            images, labels = self._batches.read(images_seen + share.start, share.stop - share.start)
            if config.real_noise:
                images = self._with_noise(to_float(images), images_seen)
            fakes = self._fakes(images_seen, Stream.DISCRIMINATOR_FAKES, config.batch_size)
            streams = Stream.AUGMENTED_REAL, Stream.AUGMENTED_DISCRIMINATOR_FAKES
            draws = self._draws(images_seen, config.batch_size, *streams)
            updates.append((images, labels, *fakes, *draws))
            images_seen += config.batch_size
        count = fakes_per_update(config)
        fakes = self._fakes(images_seen, Stream.GENERATOR_FAKES, count)
        draws = self._draws(images_seen, count, Stream.AUGMENTED_GENERATOR_FAKES)
        return [*updates, (*fakes, *draws)]

    def _with_noise(self, images: Tensor, images_seen: int) -> Tensor:
        config = self._config
        return add_real_noise(
            images,
            config.real_noise,
            seed=config.seed,
            images_seen=images_seen,
            batch_size=config.batch_size,
            share=self._context.share(config.batch_size),
        )

    def _fakes(self, images_seen: int, stream: Stream, batch_size: int) -> tuple[Tensor, Tensor]:
        z, y = draw_latents_and_labels(
            self._config.seed,
            stream,
            images_seen,
            batch_size=batch_size,
            class_counts=self._class_counts,
            **self._sizes,
        )
        share = self._context.share(batch_size)
        return z[share], y[share]

    def _draws(self, images_seen: int, batch_size: int, *streams: Stream) -> Update:
        share = self._context.share(batch_size)
        return tuple(
            drawn[share]
            for stream in streams
            for drawn in self._augmentation.draw(stream, images_seen, batch_size)
        )


class _Place(NamedTuple):
    """Where a tensor stands among others in a vector of bytes."""

    start: int
    end: int
    dtype: torch.dtype
    shape: torch.Size
    strides: tuple[int, ...]

    def of(self, packed: Tensor) -> Tensor:
        """The tensor, a view."""
        part = packed[self.start : self.end].view(self.dtype)
        return part.as_strided(self.shape, self.strides)


def _packed(updates: list[Update], *, pinned: bool) -> tuple[Tensor, list[list[_Place]]]:
    """All tensors of a step in one, uint8 [bytes], and where they stand in it."""
    places: list[list[_Place]] = []
    end = 0
    for update in updates:
        places.append([])
        for tensor in update:
            start = -(-end // _ALIGNMENT) * _ALIGNMENT
            end = start + tensor.nbytes
            places[-1].append(_Place(start, end, tensor.dtype, tensor.shape, tensor.stride()))
    packed = torch.empty(end, dtype=torch.uint8, pin_memory=pinned)
    for update, its_places in zip(updates, places, strict=True):
        for tensor, place in zip(update, its_places, strict=True):
            # NumPy's copy works in this thread alone
            np.copyto(place.of(packed).numpy(), tensor.numpy())
    return packed, places


def _read_ahead(
    read: Callable[[int], T], places: Sequence[int], device: torch.device
) -> Iterator[T]:
    """`map(read, places)`, where a thread with the same current GPU reads one place ahead."""
    enter: Callable[[], None] | None = None
    if device.type == "cuda":
        enter = partial(torch.cuda.set_device, torch.cuda.current_device())
    with ThreadPoolExecutor(1, initializer=enter) as thread:
        coming: deque[Future[T]] = deque()
        for place in places:
            coming.append(thread.submit(read, place))
            if len(coming) == 2:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
