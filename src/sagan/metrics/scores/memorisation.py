"""Memorisation: whether samples copy training images.

Meehan, Chaudhuri and Dasgupta 2020 ("A non-parametric test to detect data-copying in generative
models"): samples that lie nearer to the training images than held-out real images do are copies.
The statistic is Mann and Whitney's.
"""

from typing import NamedTuple

import numpy as np

NEAR = 0.05  # a sample is a near copy if at most this share of held-out images is as near


class Memorisation(NamedTuple):
    """Distances of samples to the training images, compared with those of held-out real images."""

    score: float
    """Share of pairs of a sample and a held-out image in which the sample is nearer to its nearest
    training image; ties count half. 0.5: as new as real images; 1: all nearer, copies; 0: all
    farther, so the samples are far from all real images."""
    near_copies: float
    """Share of samples as near to a training image as the nearest 5% of the held-out images;
    0.05 for samples as new as real images."""


def memorisation(sample_distances: np.ndarray, held_out_distances: np.ndarray) -> Memorisation:
    """Both scores, from distances to the nearest training image.

    The features must not be fitted to the training images: a classifier trained on them moves
    held-out images away from them, so that samples appear copied.

    Args:
        sample_distances: float [N], of generated images.
        held_out_distances: float [M], of held-out real images.

    Raises:
        ValueError: if either is empty or holds NaN.
    """
    for name, values in (("sample", sample_distances), ("held-out", held_out_distances)):
        if len(values) == 0 or not np.isfinite(values).all():
            raise ValueError(f"{name} distances: expected finite numbers, got {values[:5]}")
    ordered = np.sort(held_out_distances)
    below = np.searchsorted(ordered, sample_distances, side="left")  # held-out ones strictly nearer
    up_to = np.searchsorted(ordered, sample_distances, side="right")  # and those just as near
    nearer = len(ordered) - (below + up_to) / 2
    near = np.quantile(held_out_distances, NEAR)
    return Memorisation(
        score=float(nearer.mean() / len(ordered)),
        near_copies=float((sample_distances <= near).mean()),
    )
