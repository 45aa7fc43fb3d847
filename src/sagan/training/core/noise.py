"""Noise on real images, against the grey levels' steps (SNGAN's release: U(0, 1/128))."""

import numpy as np
import torch
from torch import Tensor

_ROLE = 5  # a random stream of its own


def add_real_noise(
    images: Tensor, amount: float, *, seed: int, images_seen: int, batch_size: int, share: slice
) -> Tensor:
    """Add uniform noise 0 .. amount, a pure function of (seed, images seen, global index).

    Args:
        images: float [N, 3, H, W], -1..1: a process's share of the batch.
        amount: the largest noise; 0 adds none.
        seed: of the run.
        images_seen: before this batch.
        batch_size: images of the whole batch, over all processes.
        share: which of them `images` are.

    Returns:
        float [N, 3, H, W].
    """
    if amount == 0:
        return images
    state = np.random.SeedSequence((seed, _ROLE, images_seen)).generate_state(2)
    source = torch.Generator(images.device).manual_seed(int(state[0]) << 32 | int(state[1]))
    shape = (batch_size, *images.shape[1:])
    noise = torch.rand(shape, generator=source, device=images.device)[share]
    return images + amount * noise
