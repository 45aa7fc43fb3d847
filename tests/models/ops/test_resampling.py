import pytest
import torch
import torch.nn.functional as F

from sagan.models.ops.resampling import add_upsampled, conv_pool, upsample_conv
from sagan.models.ops.spectral_norm import conv2d


@pytest.mark.parametrize("spectral_norm", [True, False])
@pytest.mark.parametrize("side", [2, 4, 6])
def test_folded_convolutions_equal_the_plain_ones_up_to_the_border(side, spectral_norm):
    torch.manual_seed(0)
    conv = conv2d(3, 5, 3, spectral_norm=spectral_norm).double()
    x = torch.randn(2, 3, side, side).double()

    torch.testing.assert_close(
        upsample_conv(x, conv), conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
    )
    torch.testing.assert_close(conv_pool(x, conv), F.avg_pool2d(conv(x), 2))


def test_gradients_are_the_same_too():
    torch.manual_seed(0)
    conv = conv2d(3, 5, 3, spectral_norm=True).double()
    x = torch.randn(2, 3, 4, 4).double()
    weights = torch.randn(2, 5, 2, 2).double()

    (folded,) = torch.autograd.grad((conv_pool(x, conv) * weights).sum(), conv.weight)
    (plain,) = torch.autograd.grad((F.avg_pool2d(conv(x), 2) * weights).sum(), conv.weight)

    torch.testing.assert_close(folded, plain)


@pytest.mark.parametrize("compiling", [True, False])
def test_upsampled_values_are_added_in_place_or_in_a_compiled_pass(monkeypatch, compiling):
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: compiling)
    torch.manual_seed(0)
    large, small = (torch.randn(2, 3, scale * 4, scale * 5, requires_grad=True) for scale in (2, 1))
    expected = large + F.interpolate(small, scale_factor=2.0, mode="nearest")
    weights = torch.randn_like(expected)

    value = add_upsampled(large * 1, small)

    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(
        torch.autograd.grad((value * weights).sum(), [large, small]),
        torch.autograd.grad((expected * weights).sum(), [large, small]),
    )
