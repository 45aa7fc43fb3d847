"""Where a matrix product takes a convolution's place: on a CPU, small maps and large kernels."""

import pytest
import torch

from sagan.models.ops import convolution, resampling
from sagan.models.ops.convolution import by_product, convolve
from sagan.models.ops.resampling import conv_pool, upsample_conv
from sagan.models.ops.spectral_norm import conv2d


@pytest.mark.parametrize(
    ("channels", "positions", "expected"),
    [
        ((256, 256), 8, True),  # 2^16 weights a tap are 2^13 a position
        ((256, 256), 9, False),
        ((512, 128), 8, True),
        ((1024, 1024), 64, True),
        ((1024, 1024), 65, False),
    ],
)
def test_a_product_is_of_a_small_map_and_a_large_kernel(channels, positions, expected):
    with torch.device("meta"):
        layer = conv2d(*channels, 3, spectral_norm=False)

    assert by_product(torch.empty(1), layer, positions) is expected
    assert by_product(torch.empty(1, device="meta"), layer, positions) is False


@pytest.mark.parametrize(
    ("compute", "kernel_size", "smallest"),
    [
        (convolve, 3, (8, 8)),
        (convolve, 3, (4, 16)),
        (conv_pool, 3, (8, 8)),
        (conv_pool, 3, (4, 16)),
        (upsample_conv, 3, (8, 8)),
        (upsample_conv, 3, (4, 16)),
        (convolve, 1, None),
    ],
)
def test_it_is_the_smaller_map_that_counts(monkeypatch, compute, kernel_size, smallest):
    """64 positions of it at most; a 1x1 convolution is a product anyway."""
    monkeypatch.setattr(convolution, "_LARGE_KERNEL", 0)
    made = []
    for module in (convolution, resampling):
        for name in ("window_product", "overlap_product"):
            if original := getattr(module, name, None):
                noted = _noted(original, made)
                monkeypatch.setattr(module, name, noted)
    layer = conv2d(2, 2, kernel_size, spectral_norm=False)
    height, width = smallest or (8, 8)
    scale = 2 if compute is conv_pool else 1

    counts = []
    for rows, columns in ((height, width), (height + 1, width), (height, width + 1)):
        compute(torch.ones(1, 2, scale * rows, scale * columns), layer)
        counts.append(len(made))

    assert counts == ([1, 1, 1] if smallest else [0, 0, 0])


def _noted(function, calls):
    def call(*arguments, **options):
        calls.append(None)
        return function(*arguments, **options)

    return call
