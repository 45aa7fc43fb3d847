"""Random streams of training, and what a step draws from them besides the order of the images.

Every draw is a pure function of (seed, stream, index, place in the global batch): a resumed run
draws what an uninterrupted one would have drawn, and the number of processes changes no data.
"""

from enum import IntEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig


class Stream(IntEnum):
    """What is drawn; each kind of draw has entropy of its own, (seed, stream, index)."""

    INITIALISATION = 1  # index 0
    IMAGE_ORDER = 2  # index: the epoch
    FLIPS = 3  # index: the epoch
    REAL_NOISE = 4  # index: images seen, as in the next two
    DISCRIMINATOR_FAKES = 5
    GENERATOR_FAKES = 6
    STANDING_STATISTICS = 7  # index: the batch
    COLLAPSE_MONITOR = 8  # index 0
    AUGMENTED_REAL = 9  # index: images seen, as in the next two
    AUGMENTED_DISCRIMINATOR_FAKES = 10
    AUGMENTED_GENERATOR_FAKES = 11


def random_source(seed: int, stream: Stream, index: int) -> np.random.Generator:
    """NumPy's generator at the start of one draw."""
    return np.random.default_rng(np.random.SeedSequence((seed, stream, index)))


def torch_seed(seed: int, stream: Stream, index: int = 0) -> int:
    """A seed for torch's generators, for draws that are made by torch."""
    return int(np.random.SeedSequence((seed, stream, index)).generate_state(1, np.uint64)[0])


def draw_latents_and_labels(
    seed: int,
    stream: Stream,
    index: int,
    *,
    batch_size: int,
    latent_dim: int,
    num_classes: int,
    class_counts: NDArray[np.int64] | None = None,
) -> tuple[Tensor, Tensor]:
    """Draw what the generator makes fakes of: z from N(0, I), and labels.

    The labels are not those of the real batch (release): they are uniform over the classes, or
    in the proportions of `class_counts`, int64 [K].

    Returns:
        latents float32 [N, Z], class_labels int64 [N], both on the CPU, so that every device
        sees the same.
    """
    source = random_source(seed, stream, index)
    latents = source.standard_normal((batch_size, latent_dim), dtype=np.float32)
    if class_counts is None:
        class_labels = source.integers(num_classes, size=batch_size)
    else:  # the class of a random training image
        ends = np.cumsum(class_counts)
        class_labels = np.searchsorted(ends, source.integers(ends[-1], size=batch_size), "right")
    return torch.from_numpy(latents), torch.from_numpy(class_labels)


def label_counts(config: TrainingConfig, shards: ShardStore) -> NDArray[np.int64] | None:
    """Training images of each class, if labels are drawn in their proportions; None: uniformly."""
    if config.label_sampling == "uniform":
        return None
    return np.bincount(shards.split("train").labels, minlength=shards.num_classes)


def draw_numbers(
    seed: int, stream: Stream, index: int, *, batch_size: int, uniforms: int, normals: int
) -> Tensor:
    """Uniform numbers 0..1, then standard normal ones, for each image of a batch.

    Returns:
        float32 [N, uniforms + normals] on the CPU.
    """
    source = random_source(seed, stream, index)
    uniform = source.random((batch_size, uniforms), dtype=np.float32)
    normal = source.standard_normal((batch_size, normals), dtype=np.float32)
    return torch.from_numpy(np.concatenate([uniform, normal], axis=1))


def add_real_noise(
    images: Tensor, amount: float, *, seed: int, images_seen: int, batch_size: int, share: slice
) -> Tensor:
    """Add uniform noise 0 .. amount, against the grey levels' steps (SNGAN's release: 1/128).

    Args:
        images: float [N, C, H, W], -1..1, on the CPU: a process's share of the batch.
        amount: the largest noise; 0 adds none.
        seed: of the run.
        images_seen: before this batch.
        batch_size: images of the whole batch, over all processes.
        share: which of them `images` are.

    Returns:
        float [N, C, H, W].
    """
    if amount == 0:
        return images
    # by torch's generator of a CPU: a GPU's has other numbers, which depend on its model too
    source = torch.Generator().manual_seed(torch_seed(seed, Stream.REAL_NOISE, images_seen))
    noise = torch.rand((batch_size, *images.shape[1:]), generator=source)[share]
    return images + amount * noise
