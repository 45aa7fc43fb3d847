"""Kernels made once a weights version, and the matrix products that use them."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sagan.models.ops import convolution, kernels
from sagan.models.ops.kernels import Form, kernel_of
from sagan.models.ops.resampling import conv_pool, upsample_conv
from sagan.models.ops.spectral_norm import conv2d, linear, power_iteration


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return conv2d(3, 5, 3, spectral_norm=True)


def up(conv, x):
    return conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


def normalized(layer):
    """The layer's convolution by torch's own operations alone, nothing kept."""
    return lambda x: F.conv2d(x, layer.weight / layer.sigma(), layer.bias, padding=1)


@pytest.mark.parametrize("by_product", [False, True])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "pair",
    [
        (lambda conv, x: conv(x), lambda conv, x: normalized(conv)(x)),
        (
            lambda conv, x: conv_pool(x, conv),
            lambda conv, x: F.avg_pool2d(normalized(conv)(x), 2),
        ),
        (lambda conv, x: upsample_conv(x, conv), lambda conv, x: up(normalized(conv), x)),
    ],
    ids=["equal size", "pooled", "upsampled"],
)
def test_values_and_gradients_equal_the_plain_operations(
    layer, monkeypatch, pair, memory_format, by_product
):
    ours, plain = pair
    monkeypatch.setattr(convolution, "_LARGE_KERNEL", 0 if by_product else 1 << 60)
    layer = layer.double().to(memory_format=memory_format)
    x = torch.randn(2, 3, 4, 6).double().to(memory_format=memory_format).requires_grad_()
    inputs = [x, layer.weight, layer.bias]

    value, expected = ours(layer, x), plain(layer, x)
    weights = torch.randn_like(expected)

    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(
        torch.autograd.grad((value * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda layer: nn.init.normal_(layer.weight),
        power_iteration,
        lambda layer: layer.load_state_dict(conv2d(3, 5, 3, spectral_norm=True).state_dict()),
        lambda layer: torch._foreach_mul_([layer.weight.detach()], 2.0),
    ],
    ids=["drawn anew", "power iteration", "loaded", "in one call for all"],
)
def test_a_change_of_weight_or_vectors_is_seen(layer, change):
    x = torch.randn(2, 3, 4, 4)
    layer(x), conv_pool(x, layer)

    change(layer)

    torch.testing.assert_close(layer(x), normalized(layer)(x))


@pytest.mark.parametrize("options", [{}, {"fused": True}, {"foreach": True}])
def test_every_optimiser_is_seen(layer, options):
    x, optimizer = torch.randn(2, 3, 4, 4), torch.optim.Adam(layer.parameters(), lr=0.1, **options)
    layer(x).sum().backward()

    optimizer.step()
    power_iteration(layer)

    torch.testing.assert_close(layer(x), normalized(layer)(x))


def test_one_version_is_made_once_in_the_same_memory(layer):
    first = kernel_of(layer, Form.POOL, torch.float32)
    again = kernel_of(layer, Form.POOL, torch.float32)
    power_iteration(layer)
    after = kernel_of(layer, Form.POOL, torch.float32)

    assert first.data_ptr() == again.data_ptr() == after.data_ptr()


def test_two_passes_over_one_version_add_their_gradients(layer):
    a, b = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    with torch.no_grad():
        layer(a)

    (layer(a).sum() + layer(b).sum()).backward()

    plain = normalized(layer)
    (expected,) = torch.autograd.grad(plain(a).sum() + plain(b).sum(), layer.weight)
    torch.testing.assert_close(layer.weight.grad, expected, rtol=1e-5, atol=1e-4)


def test_going_back_through_an_earlier_version_is_refused(layer):
    made = layer(torch.randn(2, 3, 4, 4, requires_grad=True)).sum()
    power_iteration(layer)
    layer(torch.randn(2, 3, 4, 4))

    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        made.backward()


def test_a_pass_in_inference_mode_spoils_no_training(layer):
    x = torch.randn(2, 3, 4, 4)
    with torch.inference_mode():
        layer(x)

    layer(x).sum().backward()

    assert layer.weight.grad.isfinite().all()


def test_a_copy_has_kernels_of_its_own(layer):
    x = torch.randn(2, 3, 4, 4)
    before = layer(x).detach().clone()
    other = copy.deepcopy(layer)
    nn.init.normal_(other.weight)

    assert not torch.equal(other(x), before)
    assert torch.equal(layer(x), before)


def test_under_autocast_the_kernel_is_rounded_once_and_the_gradient_is_not(layer):
    x = torch.randn(2, 3, 4, 4)
    with torch.autocast("cpu", torch.bfloat16):
        made = conv_pool(x, layer)
    made.sum().backward()

    assert made.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == torch.float32
    exact = layer.weight / layer.sigma()
    rounded = kernel_of(layer, Form.PLAIN, torch.bfloat16).float()
    expected = exact.permute(0, 2, 3, 1).flatten(1, 2).bfloat16().float()
    torch.testing.assert_close(rounded, expected, rtol=1e-2, atol=0)


def test_a_compiled_layer_computes_the_same(layer):
    x = torch.randn(2, 3, 4, 4)
    compiled = torch.compile(lambda x: conv_pool(x, layer), backend="aot_eager", fullgraph=True)

    torch.testing.assert_close(compiled(x), conv_pool(x, layer))
    torch.testing.assert_close(
        torch.autograd.grad(compiled(x).square().sum(), layer.weight),
        torch.autograd.grad(conv_pool(x, layer).square().sum(), layer.weight),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("spectral_norm", [True, False])
@pytest.mark.parametrize("form", Form)
def test_the_kernel_of_a_compiled_pass_is_the_same(monkeypatch, form, spectral_norm, dtype):
    """Without compiling: the branch for it alone."""
    torch.manual_seed(0)
    layer = conv2d(3, 5, 3, spectral_norm=spectral_norm)
    kept = kernel_of(layer, form, dtype)
    weights = torch.randn(kept.shape)
    expected = torch.autograd.grad((kept.float() * weights).sum(), layer.weight)
    kept = kept.detach().clone()

    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    with torch.autocast("cpu", torch.bfloat16):
        traced = kernel_of(layer, form, dtype)

    assert (traced.shape, traced.dtype) == (kept.shape, dtype)
    close = {"rtol": 1e-2, "atol": 1e-2} if dtype == torch.bfloat16 else {}
    torch.testing.assert_close(traced, kept, **close)
    gradient = torch.autograd.grad((traced.float() * weights).sum(), layer.weight)
    torch.testing.assert_close(gradient, expected, **close or {"rtol": 1e-4, "atol": 1e-5})


@pytest.mark.parametrize("chunk_bytes", [1, 400, 1 << 30])
def test_a_kernel_may_be_made_in_any_number_of_parts(layer, monkeypatch, chunk_bytes):
    monkeypatch.setattr(kernels, "_CHUNK_BYTES", chunk_bytes)
    x = torch.randn(2, 3, 4, 4)

    torch.testing.assert_close(conv_pool(x, layer), F.avg_pool2d(normalized(layer)(x), 2))


@pytest.mark.parametrize("outputs", [1, 5])
def test_a_linear_layers_values_and_gradients_equal_the_plain_operations(outputs):
    torch.manual_seed(0)
    layer = linear(3, outputs, spectral_norm=True)
    x = torch.randn(2, 3, requires_grad=True)
    inputs, weights = [x, layer.weight, layer.bias], torch.randn(2, outputs)

    value, expected = layer(x), F.linear(x, layer.weight / layer.sigma(), layer.bias)

    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(
        torch.autograd.grad((value * weights).sum(), inputs),
        torch.autograd.grad((expected * weights).sum(), inputs),
    )


def test_a_kernel_has_a_gradient_only_where_one_is_asked_for(layer):
    first, second = (kernel_of(layer, Form.PLAIN, torch.float32) for _ in range(2))
    with torch.no_grad():
        without = kernel_of(layer, Form.PLAIN, torch.float32)
        without.requires_grad_()  # a caller's own, which the next one does not see
        again = kernel_of(layer, Form.PLAIN, torch.float32)
    layer.weight.requires_grad = False

    assert first.grad_fn is not second.grad_fn  # each pass has a graph of its own
    assert not again.requires_grad
    assert not kernel_of(layer, Form.PLAIN, torch.float32).requires_grad
