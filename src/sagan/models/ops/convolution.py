"""Convolutions with the kernels of `sagan.models.ops.kernels`: the library's, or a matrix product.

On a CPU, oneDNN's convolution is at its best on large maps and few channels; where the map is as
small as 4x4 and the kernel large, it spends its time on moving the kernel, above all for the
kernel's gradient. There the windows are gathered and multiplied as one matrix product.
"""

from math import isqrt
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sagan.models.ops.kernels import Form, kernel_of

_SMALL_MAP = 64  # positions in the smaller of a convolution's two maps, at most
_LARGE_KERNEL = 1 << 13  # channels in times channels out, at least, times positions


def convolve(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """`layer(x)` at stride 1 and equal size: [N, C_in, H, W] -> [N, C_out, H, W]."""
    kernel = kernel_of(layer, Form.PLAIN, compute_dtype(x))
    if layer.kernel_size == (3, 3) and by_product(x, layer, x.shape[2] * x.shape[3]):
        return window_product(x, kernel, layer.bias, stride=1)
    return F.conv2d(x, filters(kernel), layer.bias, padding=layer.padding)


def compute_dtype(x: Tensor) -> torch.dtype:
    """The precision of a product with x: autocast's where that is on."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def by_product(x: Tensor, layer: nn.Conv2d, positions: int) -> bool:
    """Whether a matrix product is faster than the library's convolution.

    Args:
        x: its input.
        layer: its channels.
        positions: height times width of the smaller of its two maps.
    """
    large = layer.in_channels * layer.out_channels >= _LARGE_KERNEL * positions
    return x.device.type == "cpu" and positions <= _SMALL_MAP and large


def filters(kernel: Tensor) -> Tensor:
    """A kernel stored as [O, k*k, I] seen as the library wants it: [O, I, k, k]."""
    outputs, positions, inputs = kernel.shape
    side = isqrt(positions)
    return kernel.view(outputs, side, side, inputs).permute(0, 3, 1, 2)


def window_product(x: Tensor, kernel: Tensor, bias: Tensor | None, *, stride: int) -> Tensor:
    """`conv2d(x, filters(kernel), bias, stride, padding=1)` as one matrix product."""
    side = isqrt(kernel.shape[1])
    windows: Tensor = _Windows.apply(x.permute(0, 2, 3, 1), side, stride)
    n, height, width = windows.shape[:3]
    made = F.linear(windows.view(n * height * width, -1), kernel.flatten(1), bias)
    return made.view(n, height, width, -1).permute(0, 3, 1, 2)


def overlap_product(x: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """A transposed 4x4 convolution of stride 2 and padding 1 as one matrix product.

    Args:
        x: [N, C_in, H, W].
        kernel: [16, C_out, C_in].
        bias: [C_out].
    """
    n, inputs, height, width = x.shape
    parts = F.linear(x.permute(0, 2, 3, 1).reshape(-1, inputs), kernel.flatten(0, 1))
    parts = parts.view(n, height, width, 4, 4, -1)
    made: Tensor = _Overlap.apply(parts, 2)
    if bias is not None:
        made = made + bias.to(made.dtype)
    return made.permute(0, 3, 1, 2)


class _Windows(torch.autograd.Function):
    """All windows of side k at a stride, of a map padded by 1: [N, H, W, C] -> [..., k, k, C]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, side: int, stride: int) -> Tensor:  # noqa: ANN401
        ctx.stride = stride
        return _windows(x, side, stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        return _overlap(gradient, ctx.stride), None, None


class _Overlap(torch.autograd.Function):
    """The adjoint of `_Windows`: windows added up where they overlap, cut by 1 at the border."""

    @staticmethod
    def forward(ctx: Any, windows: Tensor, stride: int) -> Tensor:  # noqa: ANN401
        ctx.side, ctx.stride = windows.shape[3], stride
        return _overlap(windows, stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return _windows(gradient, ctx.side, ctx.stride), None


def _windows(x: Tensor, side: int, stride: int) -> Tensor:
    padded = F.pad(x, (0, 0, 1, 1, 1, 1))
    windows = padded.unfold(1, side, stride).unfold(2, side, stride)  # [N, H', W', C, k, k]
    return windows.permute(0, 1, 2, 4, 5, 3).contiguous()


def _overlap(windows: Tensor, stride: int) -> Tensor:
    n, height, width, side, _, channels = windows.shape
    padded = windows.new_zeros(
        n, stride * (height - 1) + side, stride * (width - 1) + side, channels
    )
    for row in range(side):
        for column in range(side):
            last_row, last_column = row + stride * (height - 1), column + stride * (width - 1)
            padded[:, row : last_row + 1 : stride, column : last_column + 1 : stride] += windows[
                :, :, :, row, column
            ]
    return padded[:, 1:-1, 1:-1]
