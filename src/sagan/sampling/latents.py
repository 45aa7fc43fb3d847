"""Latent vectors: z ~ N(0, I), optionally truncated, with one random stream per sample.

Sample i of a seed does not depend on batch size, count or earlier samples, so an image can be
generated again from (seed, index).
"""

import numpy as np
import torch
from torch import Tensor

MIN_TRUNCATION = 0.01  # standard deviations; below it, redrawing takes minutes


def sample_latents(
    count: int, latent_dim: int, seed: int, truncation: float | None = None, *, first_index: int = 0
) -> Tensor:
    """Sample latents; the global random state is neither used nor changed.

    Args:
        count: N.
        latent_dim: Z.
        seed: of the series, not negative.
        truncation: components beyond this many standard deviations are drawn again (the truncation
            trick of BigGAN, section 3.1); None: no truncation.
        first_index: index of the first latent in the series.

    Returns:
        float32 [N, Z].

    Raises:
        ValueError: if the truncation is below 0.01 or the seed is negative or above 64 bits.
    """
    if truncation is not None and not truncation >= MIN_TRUNCATION:
        raise ValueError(
            f"truncation must be at least {MIN_TRUNCATION} standard deviations, "
            f"got {truncation}; leave it out for none"
        )
    if not 0 <= seed < 2**64:
        raise ValueError(f"seed: expected 0 .. 2**64 - 1, got {seed}")
    rows = [
        _one_latent(latent_dim, seed, index, truncation)
        for index in range(first_index, first_index + count)
    ]
    return torch.from_numpy(np.stack(rows)) if rows else torch.empty(0, latent_dim)


def column_latents(
    rows: int, columns: int, latent_dim: int, seed: int, truncation: float | None = None
) -> Tensor:
    """Latents of a grid whose columns share one vector each: float32 [rows * columns, Z]."""
    return sample_latents(columns, latent_dim, seed, truncation).repeat(rows, 1)


def _one_latent(latent_dim: int, seed: int, index: int, truncation: float | None) -> np.ndarray:
    # the counter's highest word is the sample's index: 2**192 draws lie between two samples
    stream = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, index]))
    latent = stream.standard_normal(latent_dim, dtype=np.float32)
    if truncation is not None:
        while (outside := np.abs(latent) > truncation).any():
            latent[outside] = stream.standard_normal(int(outside.sum()), dtype=np.float32)
    return latent
