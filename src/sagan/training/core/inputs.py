"""What a step draws besides the real images: latents, fake labels, and noise on real images.

Each is a pure function of (seed, stream, images seen, global index): a resumed run draws what an
uninterrupted one would have drawn, and the number of processes does not change the data.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

_ROLES = {"discriminator": 1, "generator": 2, "standing": 3, "watch": 4}
_NOISE = 5


def draw_latents_and_labels(
    seed: int,
    images_seen: int,
    role: Literal["discriminator", "generator", "standing", "watch"],
    *,
    batch_size: int,
    latent_dim: int,
    num_classes: int,
) -> tuple[Tensor, Tensor]:
    """Draw what the generator makes fakes of: z from N(0, I), labels uniform over the classes.

    The labels are not those of the real batch (release).

    Returns:
        latents float32 [N, Z], class_labels int64 [N], both on the CPU, so that every device
        sees the same.
    """
    state = np.random.SeedSequence((seed, _ROLES[role], images_seen)).generate_state(2)
    source = torch.Generator().manual_seed(int(state[0]) << 32 | int(state[1]))
    latents = torch.randn(batch_size, latent_dim, generator=source)
    class_labels = torch.randint(num_classes, (batch_size,), generator=source)
    return latents, class_labels


def add_real_noise(
    images: Tensor, amount: float, *, seed: int, images_seen: int, batch_size: int, share: slice
) -> Tensor:
    """Add uniform noise 0 .. amount, against the grey levels' steps (SNGAN's release: 1/128).

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
    state = np.random.SeedSequence((seed, _NOISE, images_seen)).generate_state(2)
    source = torch.Generator(images.device).manual_seed(int(state[0]) << 32 | int(state[1]))
    shape = (batch_size, *images.shape[1:])
    noise = torch.rand(shape, generator=source, device=images.device)[share]
    return images + amount * noise
