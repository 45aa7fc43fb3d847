"""Transforms of DiffAugment (Zhao et al., 2020): color, translation, cutout.

Every image is transformed with random numbers of its own. All transforms are differentiable with
respect to the images, which are float32 [N, C, H, W], -1..1. As in the paper, colours may leave
that range.
"""

from collections.abc import Collection

import torch
from torch import Tensor

UNIFORMS, NORMALS = 7, 0
"""Random numbers an image takes, whatever the policy."""
TRANSLATION, CUTOUT = 1 / 8, 1 / 2
"""Largest shift and side of the square, relative to the side of an image."""


def augment(images: Tensor, draws: Tensor, policy: Collection[str]) -> Tensor:
    """The images after the policy's transforms.

    Args:
        images: float32 [N, C, H, W], -1..1.
        draws: uniform numbers, float32 [N, UNIFORMS], 0..1.
        policy: of color, translation, cutout.

    Returns:
        float32 [N, C, H, W].
    """
    side = images.shape[-1]
    brightness, saturation, contrast, *places = draws.unbind(1)
    if "color" in policy:
        images = shift_brightness(images, brightness - 0.5)
        images = scale_saturation(images, 2 * saturation)
        images = scale_contrast(images, contrast + 0.5)
    if "translation" in policy:
        largest = int(side * TRANSLATION + 0.5)
        down, right = (torch.floor(u * (2 * largest + 1)).long() - largest for u in places[:2])
        images = translate(images, down, right)
    if "cutout" in policy:
        size = int(side * CUTOUT + 0.5)
        # the square's first row and column, partly outside as often as its centre is near an edge
        top, left = (torch.floor(u * (side + 1 - size % 2)).long() - size // 2 for u in places[2:])
        images = cut_out(images, top, left, size)
    return images


def shift_brightness(images: Tensor, amounts: Tensor) -> Tensor:
    """Add an amount [N] to all values of an image."""
    return images + _per_image(amounts)


def scale_saturation(images: Tensor, factors: Tensor) -> Tensor:
    """Scale each pixel's distance to its mean over the channels; at factor 0 [N] it is grey.

    An image of one channel stays as it is.
    """
    return _scale_about(images, images.mean(1, keepdim=True), factors)


def scale_contrast(images: Tensor, factors: Tensor) -> Tensor:
    """Scale the distance to the image's mean; at factor 0 [N] the image is uniform."""
    return _scale_about(images, images.mean((1, 2, 3), keepdim=True), factors)


def translate(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Shift by whole pixels, int64 [N] each; zeros come in."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) - down[:, None]  # [N, H]
    columns = torch.arange(width, device=images.device) - right[:, None]  # [N, W]
    index = rows.clamp(0, height - 1)[:, None, :, None].expand_as(images)
    images = images.gather(2, index)
    index = columns.clamp(0, width - 1)[:, None, None, :].expand_as(images)
    images = images.gather(3, index)
    return images * _inside(rows, columns, height, width)


def cut_out(images: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Set a square of `size` pixels to 0, from the row and column int64 [N] that may be outside."""
    height, width = images.shape[-2:]
    rows = torch.arange(height, device=images.device) - top[:, None]  # [N, H]
    columns = torch.arange(width, device=images.device) - left[:, None]  # [N, W]
    return images * ~_inside(rows, columns, size, size)


def _inside(rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """Which pixels have a row 0..height-1 and a column 0..width-1, bool [N, 1, H, W]."""
    inside = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    return (inside[0][:, :, None] & inside[1][:, None, :])[:, None]


def _scale_about(images: Tensor, mean: Tensor, factors: Tensor) -> Tensor:
    return mean + (images - mean) * _per_image(factors)


def _per_image(values: Tensor) -> Tensor:
    return values[:, None, None, None]
