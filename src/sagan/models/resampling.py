"""Up- and downsampling folded into the 3x3 convolution beside it: the same maths, fewer operations.

Nearest upsampling followed by a 3x3 convolution is one transposed 4x4 convolution of stride 2;
a 3x3 convolution followed by 2x2 average pooling is one 4x4 convolution of stride 2. In both the
4x4 kernel is the 3x3 one summed over the four positions of a 2x2 cell. The parameters stay 3x3.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.spectral_norm import SpectralLayer


def upsample_conv(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """`conv(upsample(x))`, nearest, factor 2: [N, C_in, H, W] -> [N, C_out, 2H, 2W]."""
    kernel = _spread(_weight(conv)).transpose(0, 1).flip(2, 3)  # [C_in, C_out, 4, 4]
    return F.conv_transpose2d(x, kernel, conv.bias, stride=2, padding=1)


def conv_pool(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """`avg_pool2d(conv(x), 2)`: [N, C_in, H, W] -> [N, C_out, H/2, W/2]."""
    return F.conv2d(x, _spread(_weight(conv)) / 4, conv.bias, stride=2, padding=1)


def _weight(conv: nn.Conv2d) -> Tensor:
    return conv.normalized_weight() if isinstance(conv, SpectralLayer) else conv.weight


def _spread(kernel: Tensor) -> Tensor:
    """Sum of a kernel's four placements in a larger one: [O, I, 3, 3] -> [O, I, 4, 4]."""
    rows = F.pad(kernel, (0, 0, 0, 1)) + F.pad(kernel, (0, 0, 1, 0))  # [O, I, 4, 3]
    return F.pad(rows, (0, 1)) + F.pad(rows, (1, 0))
