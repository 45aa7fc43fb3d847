"""The only conversions between stored images and network inputs.

On disk and in metrics an image is uint8 in 0..255; networks take and return float in -1..1. Both
have the shape [N, C, H, W], where C is 1 (grey) or 3 (red, green, blue).
"""

import torch
from torch import Tensor


def to_float(images: Tensor) -> Tensor:
    """Convert stored images to network inputs.

    Args:
        images: uint8 [N, C, H, W], 0..255.

    Returns:
        float32 [N, C, H, W], -1..1; the memory format is kept.
    """
    return images.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Convert generated images to stored images: rounded, not truncated.

    Args:
        images: float [N, C, H, W], -1..1; values outside are clamped.

    Returns:
        uint8 [N, C, H, W], 0..255.

    Raises:
        ValueError: if a value is NaN or infinite, which no grey level stands for.
    """
    if not bool(images.isfinite().all()):
        raise ValueError("generated images have NaN or infinite values; the network is broken")
    return images.float().add(1.0).mul(127.5).round().clamp_(0, 255).to(torch.uint8)


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Images with one or three channels: grey is repeated, colours are converted by Pillow's L.

    Args:
        images: uint8 [..., C, H, W].
        channels: 1 or 3.

    Returns:
        uint8 [..., channels, H, W]; the images themselves if they have so many. Grey that was
        repeated is converted back exactly.
    """
    if images.shape[-3] == channels:
        return images
    if channels == 3:
        return torch.cat([images, images, images], dim=-3)
    red, green, blue = images.to(torch.int32).unbind(-3)
    luma = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16  # Pillow's Convert.c
    return luma.to(torch.uint8).unsqueeze(-3)
