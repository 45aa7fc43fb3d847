"""Latents and fake labels of a step: a pure function of (seed, images seen, role)."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

_ROLES = {"discriminator": 1, "generator": 2, "standing": 3, "watch": 4}


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
