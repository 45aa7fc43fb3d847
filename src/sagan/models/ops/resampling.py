"""Up- and downsampling folded into the 3x3 convolution beside it: the same maths, fewer operations.

Nearest upsampling followed by a 3x3 convolution is one transposed 4x4 convolution of stride 2;
a 3x3 convolution followed by 2x2 average pooling is one 4x4 convolution of stride 2. In both the
4x4 kernel is the 3x3 one summed over the four positions of a 2x2 cell. The parameters stay 3x3.
"""

import torch.nn.functional as F
from torch import Tensor, nn

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
