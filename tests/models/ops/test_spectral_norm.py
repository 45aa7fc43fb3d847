import copy

import pytest
import torch
from torch import nn

from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.models.normalization import ConditionalBatchNorm2d
from sagan.models.ops.spectral_norm import (
    SpectralConv2d,
    SpectralEmbedding,
    SpectralLayer,
    SpectralLinear,
    conv2d,
    initialize,
    power_iteration,
)


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_largest_singular_value_settles_at_one(network):
    torch.manual_seed(0)
    built = network(image_size=32, num_classes=5, base_channels=8, attention_resolutions=(16,))

    power_iteration(built, 50)
    layers = [layer for layer in built.modules() if isinstance(layer, SpectralLayer)]

    assert layers
    for layer in layers:
        top = torch.linalg.matrix_norm((layer.weight / layer.sigma()).flatten(1), ord=2)
        assert top.item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    ("layers", "sizes", "options"),
    [
        ((SpectralLinear, nn.Linear), (6, 4), {}),
        ((SpectralConv2d, nn.Conv2d), (3, 4, 3), {"padding": 1, "bias": True}),
        ((SpectralEmbedding, nn.Embedding), (5, 4), {}),
    ],
    ids=["linear", "convolution", "embedding"],
)
def test_equals_the_parametrization_of_torch(layers, sizes, options):
    """Outputs, and gradients of the weight through sigma as well."""
    torch.manual_seed(0)
    ours, plain = (layer(*sizes, **options) for layer in layers)
    own = {name: value for name, value in ours.state_dict().items() if name not in "uv"}
    plain.load_state_dict(own)
    theirs = nn.utils.parametrizations.spectral_norm(plain, n_power_iterations=1).eval()
    theirs.parametrizations.weight[0]._u.copy_(ours.u)
    theirs.parametrizations.weight[0]._v.copy_(ours.v)
    if isinstance(plain, nn.Embedding):
        x = torch.tensor([0, 2, 2, 4])
    else:
        x = torch.randn(3, sizes[0], 5, 5) if len(sizes) == 3 else torch.randn(3, sizes[0])

    ours(x).square().sum().backward()
    theirs(x).square().sum().backward()

    torch.testing.assert_close(ours(x), theirs(x))
    # sums of large numbers, whose order in float32 depends on processor and place in memory
    gradient = theirs.parametrizations.weight.original.grad
    torch.testing.assert_close(ours.weight.grad, gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_one_iteration_is_a_product_with_the_transpose_and_one_with_the_weight(scale):
    torch.manual_seed(0)
    layer = SpectralLinear(6, 4)
    weight = layer.weight.data.mul_(scale)
    v = nn.functional.normalize(weight.t() @ layer.u, dim=0)
    u = nn.functional.normalize(weight @ v, dim=0)

    power_iteration(layer)

    torch.testing.assert_close((layer.v, layer.u), (v, u))


def test_an_iteration_leaves_out_frozen_layers_only_if_asked_to():
    torch.manual_seed(0)
    trained, frozen = SpectralLinear(6, 4), SpectralLinear(6, 4).requires_grad_(False)
    network = nn.ModuleList([trained, frozen])
    first = trained.u.clone(), frozen.u.clone()

    power_iteration(network, trained_only=True)
    second = trained.u.clone(), frozen.u.clone()
    power_iteration(network)

    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(second[1], frozen.u)
    assert not torch.equal(second[0], trained.u)


@pytest.mark.parametrize("spectral_norm", [True, False])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_a_convolution_keeps_height_and_width_and_has_a_bias(kernel_size, spectral_norm):
    layer = conv2d(2, 3, kernel_size, spectral_norm=spectral_norm)

    assert layer(torch.zeros(1, 2, 6, 8)).shape == (1, 3, 6, 8)
    assert layer.bias.shape == (3,)


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(8, 8, 3), nn.Conv2d(8, 8, 1), nn.Linear(32, 32), nn.Embedding(32, 32)]
)
def test_weights_start_as_xaviers_and_biases_at_zero(layer):
    """Uniform between +-sqrt(6 / (inputs + outputs)), of a convolution times its kernel's area."""
    initialize(layer)

    inputs_and_outputs = sum(layer.weight.shape[:2]) * layer.weight[0, 0].numel()
    bound = (6 / inputs_and_outputs) ** 0.5
    assert 0.8 * bound < layer.weight.abs().max() <= bound
    assert getattr(layer, "bias", None) is None or not layer.bias.any()


@pytest.mark.parametrize("training", [True, False])
def test_a_forward_pass_never_moves_the_vectors(training):
    discriminator = Discriminator(
        image_size=16, num_classes=2, base_channels=8, attention_resolutions=()
    ).train(training)
    before = copy.deepcopy(discriminator.state_dict())

    discriminator(torch.randn(2, 3, 16, 16), torch.tensor([0, 1]))

    assert all(torch.equal(before[k], v) for k, v in discriminator.state_dict().items())


def test_sigma_of_the_class_vectors_is_taken_in_float32_under_autocast(monkeypatch):
    """A GPU's autocast rounds matrix-vector products; a CPU's does not: look at the switch."""
    product, seen = torch.mv, []

    def watched(*arguments):
        seen.append(torch.is_autocast_enabled("cpu"))
        return product(*arguments)

    monkeypatch.setattr(torch, "mv", watched)
    with torch.autocast("cpu", torch.bfloat16):
        SpectralEmbedding(3, 4)(torch.tensor([0, 2]))

    assert seen == [False]


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_a_network_without_memory_is_built_without_moving_vectors(network, monkeypatch):
    """Every bundle is opened that way; going through the motions takes most of a second."""
    monkeypatch.setattr(torch, "mv", None)
    with torch.device("meta"):
        network(image_size=16, num_classes=4, base_channels=8, attention_resolutions=(8,))


def test_class_tables_of_batch_norm_are_not_normalised():
    generator = Generator(image_size=16, num_classes=4, base_channels=8, attention_resolutions=())
    norms = [m for m in generator.modules() if isinstance(m, ConditionalBatchNorm2d)]

    assert norms
    for norm in norms:
        assert not any(isinstance(part, SpectralLayer) for part in norm.modules())
        norm.gain.data[1] += 3.0  # ten times what a normalised one-hot table could add
        x, labels = torch.randn(8, norm.gain.shape[1], 4, 4), torch.ones(8, dtype=torch.long)
        assert norm(x, labels).std().item() == pytest.approx(4.0, rel=0.05)


def test_kept_bug_an_average_of_the_vectors_inflates_the_weight():
    """What `update_ema` must not do: average u and v."""
    torch.manual_seed(0)
    layer = SpectralLinear(64, 64)
    power_iteration(layer, 100)
    wrong = copy.deepcopy(layer)
    for _ in range(2):  # a half-way mean of two different singular vectors
        wrong.u.copy_((wrong.u + torch.nn.functional.normalize(torch.randn(64), dim=0)) / 2)

    top = torch.linalg.matrix_norm
    assert top(layer.weight / layer.sigma(), ord=2).item() == pytest.approx(1.0, abs=0.02)
    assert top(wrong.weight / wrong.sigma(), ord=2).item() > 1.1
