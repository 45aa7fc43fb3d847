"""Transforms of adaptive discriminator augmentation (ADA; Karras et al., 2020, appendix B).

These are the paper's groups pixel blitting, general geometry and colour ("bgc"). An image takes
each transform with probability p, all of them combined into one map of coordinates and one of
colours. Where the paper resamples at twice the resolution with a wavelet filter and mirrors at the
border pixels' centres, this interpolates bilinearly and mirrors at the borders.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_TRANSFORMS = 13
_VALUES = 8
UNIFORMS, NORMALS = _TRANSFORMS + _VALUES, 7
"""Random numbers that an image takes."""
_SHIFT = 0.125  # largest whole-pixel translation, standard deviation of the other, of the side
_SCALE, _CONTRAST, _SATURATION = 0.2, 0.5, 1.0  # standard deviations, base-2 logarithm
_BRIGHTNESS = 0.2  # standard deviation; the images' range is 2
_GEOMETRIC = 8  # of the transforms, the first ones


def augment(images: Tensor, draws: Tensor, p: Tensor) -> Tensor:
    """The images after random transforms; exactly the images at p = 0.

    Args:
        images: float32 [N, C, S, S], -1..1.
        draws: float32 [N, UNIFORMS + NORMALS]: uniform 0..1, then standard normal.
        p: probability of each transform, [].

    Returns:
        float32 [N, C, S, S]; colours may leave the range, as in the paper.
    """
    gates, normals = draws[:, :_TRANSFORMS], draws[:, UNIFORMS:]
    values = draws[:, _TRANSFORMS:UNIFORMS]
    p_rotation = 1 - (1 - p).sqrt()  # there are two, either with probability p
    # rotations are the last two of the geometric transforms
    chances = torch.cat([p.expand(6), p_rotation.expand(2), p.expand(_TRANSFORMS - _GEOMETRIC)])
    taken = gates < chances  # [N, transforms]
    side = images.shape[-1]
    inverse = _geometry(taken[:, :_GEOMETRIC], values[:, :6], normals[:, :4], side)
    moved = warp(images, inverse)
    images = torch.where(taken[:, :_GEOMETRIC].any(1)[:, None, None, None], moved, images)
    return recolour(images, _colour(taken[:, _GEOMETRIC:], values[:, 6:], normals[:, 4:]))


def _geometry(taken: Tensor, values: Tensor, normals: Tensor, side: int) -> Tensor:
    """Maps from coordinates of the result to those of the image, [N, 3, 3]; see `warp`."""
    flips, turns, shifts, scales, stretches, drifts, first, second = taken.unbind(1)
    flip, turn, down, right, angle, other = values.unbind(1)
    size, stretch, y, x = normals.unbind(1)
    flip = _where(flips, 1 - 2 * torch.floor(2 * flip), 1.0)
    turn = _where(turns, torch.floor(4 * turn) * (math.pi / 2), 0.0)
    down, right = (
        _where(shifts, torch.round((2 * u - 1) * (_SHIFT * side)) / side, 0.0)
        for u in (down, right)
    )
    size, stretch = (
        _where(gate, torch.exp2(_SCALE * normal), 1.0)
        for gate, normal in ((scales, size), (stretches, stretch))
    )
    angle, other = (
        _where(gate, (2 * u - 1) * math.pi, 0.0) for gate, u in ((first, angle), (second, other))
    )
    y, x = (_where(drifts, _SHIFT * normal, 0.0) for normal in (y, x))
    # the inverse of flip, turn, shift, scale, rotation, stretch, rotation, shift, in this order
    return (
        scaling(flip, torch.ones_like(flip))
        @ rotation(-turn)
        @ translation(-down, -right)
        @ scaling(1 / size, 1 / size)
        @ rotation(-angle)
        @ scaling(1 / stretch, stretch)
        @ rotation(-other)
        @ translation(-y, -x)
    )


def _colour(taken: Tensor, values: Tensor, normals: Tensor) -> Tensor:
    """Maps of colours, [N, 4, 4]; see `recolour`."""
    brightens, contrasts, flips, turns, saturates = taken.unbind(1)
    flip, angle = values.unbind(1)
    amount, contrast, saturation = normals.unbind(1)
    return (
        saturate(_where(saturates, torch.exp2(_SATURATION * saturation), 1.0))
        @ turn_hue(_where(turns, (2 * angle - 1) * math.pi, 0.0))
        @ flip_luma(_where(flips, torch.floor(2 * flip), 0.0))
        @ scale_colours(_where(contrasts, torch.exp2(_CONTRAST * contrast), 1.0))
        @ brighten(_where(brightens, _BRIGHTNESS * amount, 0.0))
    )


def warp(images: Tensor, inverse: Tensor) -> Tensor:
    """Resample images bilinearly, mirrored beyond their borders.

    Args:
        images: [N, C, S, S].
        inverse: maps (x, y, 1) of the result to that of the image, [N, 3, 3]; x to the right, y
            down, the image is -1..1.
    """
    grid = F.affine_grid(inverse[:, :2], list(images.shape), align_corners=False)
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def recolour(images: Tensor, colours: Tensor) -> Tensor:
    """Map (red, green, blue, 1) by [N, 4, 4] at each pixel of [N, C, H, W].

    With one channel: (grey, grey, grey, 1), and the mean of the three results, as in ADA's code, so
    that hue and saturation change nothing.
    """
    linear, added = colours[:, :3, :3], colours[:, :3, 3:]
    if images.shape[1] == 1:
        linear = linear.sum(2, keepdim=True).mean(1, keepdim=True)  # [N, 1, 1]
        added = added.mean(1, keepdim=True)
    values = linear @ images.flatten(2) + added
    return values.view_as(images)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Maps of coordinates that scale by [N] each; [N, 3, 3]."""
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def rotation(angle: Tensor) -> Tensor:
    """Maps of coordinates that turn x towards y by an angle [N], in radians; [N, 3, 3]."""
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return _matrix([[cos, -sin, zero], [sin, cos, zero], [zero, zero, zero + 1]])


def translation(down: Tensor, right: Tensor) -> Tensor:
    """Maps of coordinates that shift by parts of the side [N]; [N, 3, 3]."""
    zero = torch.zeros_like(down)
    one = zero + 1
    return _matrix([[one, zero, 2 * right], [zero, one, 2 * down], [zero, zero, one]])


def brighten(amount: Tensor) -> Tensor:
    """Maps of colours that add an amount [N]; [N, 4, 4]."""
    zero = torch.zeros_like(amount)
    one = zero + 1
    rows = [[one, zero, zero, amount], [zero, one, zero, amount], [zero, zero, one, amount]]
    return _matrix([*rows, [zero, zero, zero, one]])


def scale_colours(factor: Tensor) -> Tensor:
    """Maps of colours that scale about mid-grey, 0, by a factor [N]; [N, 4, 4]."""
    return torch.diag_embed(torch.stack([factor, factor, factor, torch.ones_like(factor)], 1))


def flip_luma(flip: Tensor) -> Tensor:
    """Maps of colours that mirror the luma where [N] is 1 and keep it where 0; [N, 4, 4]."""
    return _identity(flip) - 2 * _luma(flip) * flip[:, None, None]


def turn_hue(angle: Tensor) -> Tensor:
    """Maps of colours that turn about the luma axis by an angle [N], in radians; [N, 4, 4]."""
    third = torch.full_like(angle, 1 / math.sqrt(3))
    zero = torch.zeros_like(angle)
    rows = [[zero, -third, third, zero], [third, zero, -third, zero], [-third, third, zero, zero]]
    cross = _matrix([*rows, [zero, zero, zero, zero]])  # v -> axis x v
    sin, cos = angle.sin()[:, None, None], angle.cos()[:, None, None]
    return _identity(angle) + sin * cross + (1 - cos) * (cross @ cross)  # Rodrigues' formula


def saturate(factor: Tensor) -> Tensor:
    """Maps of colours that scale the distance to grey by a factor [N]; [N, 4, 4]."""
    scaled = scale_colours(factor)
    return scaled + _luma(factor) * (1 - factor)[:, None, None]


def _luma(like: Tensor) -> Tensor:
    """The projection onto the luma axis (1, 1, 1) / sqrt(3), [4, 4]."""
    projection = torch.full((4, 4), 1 / 3, dtype=like.dtype, device=like.device)
    projection[3, :] = projection[:, 3] = 0
    return projection


def _identity(like: Tensor) -> Tensor:
    return torch.eye(4, dtype=like.dtype, device=like.device)


def _matrix(rows: list[list[Tensor]]) -> Tensor:
    """Matrices [N, M, M] of entries [N]."""
    return torch.stack([torch.stack(row, 1) for row in rows], 1)


def _where(taken: Tensor, value: Tensor, neutral: float) -> Tensor:
    return torch.where(taken, value, neutral)
