"""The only conversions between stored images and network inputs.

On disk and in metrics an image is uint8 in 0..255; networks take and return float in -1..1. Both
have the shape [N, 3, H, W].
"""

import torch
from torch import Tensor


def to_float(images: Tensor) -> Tensor:
    """Convert stored images to network inputs.

    Args:
        images: uint8 [N, 3, H, W], 0..255.

    Returns:
        float32 [N, 3, H, W], -1..1; the memory format is kept.
    """
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Convert generated images to stored images: rounded, not truncated.

    Args:
        images: float [N, 3, H, W], -1..1; values outside are clamped.

    Returns:
        uint8 [N, 3, H, W], 0..255.

    Raises:
        ValueError: if a value is NaN or infinite, which no grey level stands for.
    """
    if not bool(images.isfinite().all()):
        raise ValueError("generated images have NaN or infinite values; the network is broken")
    return images.float().add(1.0).mul(127.5).round().clamp_(0, 255).to(torch.uint8)
