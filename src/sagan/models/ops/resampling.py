"""Up- and downsampling folded into the 3x3 convolution beside it: the same maths, fewer operations.

Nearest upsampling followed by a 3x3 convolution is one transposed 4x4 convolution of stride 2;
a 3x3 convolution followed by 2x2 average pooling is one 4x4 convolution of stride 2. In both the
4x4 kernel is the 3x3 one summed over the four positions of a 2x2 cell. The parameters stay 3x3.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sagan.models.ops.convolution import (
    by_product,
    compute_dtype,
    filters,
    overlap_product,
    window_product,
)
from sagan.models.ops.kernels import Form, kernel_of


def upsample_conv(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """`conv(upsample(x))`, nearest, factor 2: [N, C_in, H, W] -> [N, C_out, 2H, 2W]."""
    if by_product(x, conv, x.shape[2] * x.shape[3]):
        kernel = kernel_of(conv, Form.UPSAMPLE_PRODUCT, compute_dtype(x))
        return overlap_product(x, kernel, conv.bias)
    kernel = kernel_of(conv, Form.UPSAMPLE, compute_dtype(x))
    return F.conv_transpose2d(x, filters(kernel), conv.bias, stride=2, padding=1)


def conv_pool(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """`avg_pool2d(conv(x), 2)`: [N, C_in, H, W] -> [N, C_out, H/2, W/2]."""
    kernel = kernel_of(conv, Form.POOL, compute_dtype(x))
    if by_product(x, conv, x.shape[2] * x.shape[3] // 4):
        return window_product(x, kernel, conv.bias, stride=2)
    return F.conv2d(x, filters(kernel), conv.bias, stride=2, padding=1)


def add_upsampled(x: Tensor, small: Tensor) -> Tensor:
    """`x + upsample(small)`, nearest, factor 2, without a map of the upsampled values.

    Args:
        x: [N, C, 2H, 2W]; its memory becomes the sum's.
        small: [N, C, H, W], of the same dtype.
    """
    if torch.compiler.is_compiling():
        return (_cells(x) + small[:, :, :, None, :, None]).flatten(4).flatten(2, 3)
    made: Tensor = _AddUpsampled.apply(x, small)
    return made


class _AddUpsampled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, small: Tensor) -> Tensor:  # noqa: ANN401
        ctx.mark_dirty(x)
        ctx.small_shape = small.shape
        _cells(x).add_(small[:, :, :, None, :, None])
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
        # a sum over a broadcast axis, which autograd would take, is slow on a CPU
        of_small = torch.ops.aten.upsample_nearest2d_backward(
            gradient, gradient.shape[2:], ctx.small_shape, 2.0, 2.0
        )
        return gradient, of_small


def _cells(x: Tensor) -> Tensor:
    """[N, C, 2H, 2W] seen as [N, C, H, 2, W, 2]."""
    n, channels, height, width = x.shape
    return x.view(n, channels, height // 2, 2, width // 2, 2)
