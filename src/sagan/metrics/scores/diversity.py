"""Within-class diversity: mean pairwise pixel distance relative to that of real images.

It detects a generator that draws one perfect prototype per class, which classifiers always
recognise.
"""

import numpy as np

from sagan.metrics.config import MIN_SAMPLES


def mean_pairwise_distance(images: np.ndarray) -> float:
    """Mean Euclidean distance between all pairs of images, exact for uint8 input.

    Args:
        images: uint8 [N, ...], 0..255; N >= 2.

    Returns:
        The mean over the N * (N - 1) / 2 pairs, in grey levels (0..255 * sqrt(values an image)).

    Raises:
        ValueError: if there are fewer than two images.
    """
    if len(images) < MIN_SAMPLES:
        raise ValueError(f"a distance needs at least {MIN_SAMPLES} images, got {len(images)}")
    # products and sums of uint8 stay below 2**53: float64 holds them exactly
    flat = images.reshape(len(images), -1).astype(np.float64)  # [N, D]
    products = flat @ flat.T  # [N, N]
    squares = np.diagonal(products)
    squared_distances = squares[:, None] + squares[None, :] - 2 * products
    pairs = np.triu_indices(len(flat), k=1)
    return float(np.sqrt(squared_distances[pairs]).mean())


def diversity(images: np.ndarray, real_images: np.ndarray) -> float | None:
    """Mean pairwise distance of one class's samples / that of its real images.

    Args:
        images: uint8 [N, C, H, W], generated.
        real_images: uint8 [M, C, H, W].

    Returns:
        The ratio, 1 for samples as diverse as real images; None if there are fewer than two of
        either, or the real images are all the same.

    Raises:
        ValueError: if the image shapes differ.
    """
    if images.shape[1:] != real_images.shape[1:]:
        raise ValueError(
            f"generated images are {images.shape[1:]}, real images {real_images.shape[1:]}: "
            "pixel distances need one shape"
        )
    if min(len(images), len(real_images)) < MIN_SAMPLES:
        return None
    real_distance = mean_pairwise_distance(real_images)
    return mean_pairwise_distance(images) / real_distance if real_distance else None
