"""The switches that make baselines and ablations out of the same networks."""

import math

import pytest
import torch
from torch import nn

from sagan.models.attention import SelfAttention2d
from sagan.models.blocks import BottleneckBlock, DiscriminatorBlock
from sagan.models.discriminator import Discriminator, build_discriminator
from sagan.models.generator import Generator, build_generator
from sagan.models.ops.spectral_norm import SpectralLayer, power_iteration
from sagan.network_config import DiscriminatorConfig, GeneratorConfig, ModelConfig

SIZES = {"image_size": 32, "num_classes": 3, "base_channels": 8}
IMAGES, LABELS = torch.rand(4, 3, 32, 32) * 2 - 1, torch.tensor([0, 1, 2, 1])


def test_the_configurations_hold_what_the_networks_take():
    for config, network in ((GeneratorConfig, Generator), (DiscriminatorConfig, Discriminator)):
        settings = config(attention_resolutions=(8,)).model_dump()
        network(image_size=16, num_classes=2, **settings)


@pytest.mark.parametrize(
    ("network", "build", "config"),
    [
        (Generator, build_generator, GeneratorConfig),
        (Discriminator, build_discriminator, DiscriminatorConfig),
    ],
)
def test_the_defaults_of_both_are_the_same(network, build, config):
    """As the release: at 64 px and above attention is at 32 px."""
    with torch.device("meta"):
        built = network(image_size=64, num_classes=2)
        configured = build(config(), image_size=64, num_classes=2)
    assert shapes(built) == shapes(configured)
    assert "layers.32x32_attention.gamma" in shapes(built)

    torch.manual_seed(0)
    built = network(image_size=8, num_classes=2, attention_resolutions=())
    torch.manual_seed(0)
    configured = build(config(attention_resolutions=()), image_size=8, num_classes=2)
    ours, theirs = built.state_dict(), configured.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours | theirs)
    assert momenta(built) == momenta(configured)


def shapes(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def momenta(network):
    return [layer.momentum for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]


@pytest.mark.parametrize(("channels", "hidden"), [(1, 1), (4, 1), (18, 5)])
def test_a_residual_block_has_five_eighteenths_of_the_channels_inside(channels, hidden):
    block = BottleneckBlock(channels, spectral_norm=False)

    assert block(torch.ones(1, channels, 4, 4)).shape == (1, channels, 4, 4)
    assert block.conv2.weight.shape == (hidden, hidden, 3, 3)
    assert [*dict(block.named_parameters())] == [f"conv{n}.weight" for n in (1, 2, 3)]


def test_a_residual_block_is_a_sum():
    block, x = BottleneckBlock(18, spectral_norm=False), torch.randn(2, 18, 4, 4)

    made = block.conv3(torch.relu(block.conv2(torch.relu(block.conv1(torch.relu(x))))))

    assert torch.equal(block(x), x + made)


@pytest.mark.parametrize("channels", [64, 128, 256, 512])
def test_a_residual_block_in_attentions_place_is_of_its_size(channels):
    def count(module):
        return sum(p.numel() for p in module.parameters())

    attention = count(SelfAttention2d(channels, spectral_norm=True))
    residual = count(BottleneckBlock(channels, spectral_norm=True))

    assert residual == pytest.approx(attention, rel=0.02)


def test_a_residual_block_leaves_its_input_alone_and_adds_to_it():
    block = BottleneckBlock(18, spectral_norm=False)
    x = torch.randn(2, 18, 4, 4)
    before = x.clone()
    nn.init.zeros_(block.conv3.weight)

    assert torch.equal(block(x), x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("network", [Generator, Discriminator])
@pytest.mark.parametrize("form", ["released", "scaled", "paper", "residual"])
def test_attention_or_a_residual_block_at_any_list_of_resolutions(network, form):
    built = network(**SIZES, attention_resolutions=(8, 16), attention_form=form)
    kind = "residual" if form == "residual" else "attention"
    names = list(built.layers)

    inserted = {name for name in names if not name.endswith("_block")}
    assert inserted == {f"8x8_{kind}", f"16x16_{kind}"}
    for name in inserted:  # right behind the block of its resolution
        assert names[names.index(name) - 1] == name.split("_")[0] + "_block"


def test_a_generator_with_residual_blocks_has_no_maps_to_show():
    generator = Generator(**SIZES, attention_resolutions=(8,), attention_form="residual")

    images, maps = generator.eval().forward_with_attention(torch.randn(4, 128), LABELS)

    assert (generator.attention_resolutions, maps) == ((), {})
    assert images.shape == IMAGES.shape


def test_an_unconditional_generator_ignores_the_labels():
    generator = Generator(**SIZES, attention_resolutions=(8,), class_conditional=False).eval()
    z = torch.randn(4, 128)

    assert torch.equal(generator(z, LABELS), generator(z, LABELS.flip(0)))
    tables = [p for name, p in generator.named_parameters() if name.endswith("gain")]
    assert {len(table) for table in tables} == {1}


def test_an_unconditional_batch_norm_is_the_plain_one():
    generator = Generator(**SIZES, attention_resolutions=(), class_conditional=False)
    norm = generator.layers["8x8_block"].norm1
    nn.init.normal_(norm.gain)
    nn.init.normal_(norm.bias)
    plain = nn.BatchNorm2d(norm.gain.shape[1])
    plain.load_state_dict({"weight": norm.gain[0], "bias": norm.bias[0]}, strict=False)
    x = torch.randn(4, norm.gain.shape[1], 5, 5)

    torch.testing.assert_close(norm(x, torch.zeros(4, dtype=torch.long)), plain(x))


def test_an_unconditional_discriminator_ignores_the_labels():
    discriminator = Discriminator(**SIZES, attention_resolutions=(), head="none")

    logits, class_logits = discriminator(IMAGES, LABELS)

    assert class_logits is None
    assert torch.equal(logits, discriminator(IMAGES, LABELS.flip(0))[0])


def test_the_classifier_head_guesses_without_seeing_the_label():
    discriminator = Discriminator(**SIZES, attention_resolutions=(), head="classifier")

    logits, class_logits = discriminator(IMAGES, LABELS)
    other_logits, other_class_logits = discriminator(IMAGES, LABELS.flip(0))

    assert (logits.shape, class_logits.shape) == ((4,), (4, 3))
    assert torch.equal(logits, other_logits)
    assert torch.equal(class_logits, other_class_logits)


def test_heads_and_generator_agree_about_the_classes():
    with pytest.raises(ValueError, match=r"class_conditional is False but .*head is 'projection'"):
        ModelConfig(generator={"class_conditional": False})
    with pytest.raises(ValueError, match=r"class_conditional is True but .*head is 'none'"):
        ModelConfig(discriminator={"head": "none"})
    ModelConfig(generator={"class_conditional": False}, discriminator={"head": "none"})


def test_thin_blocks_keep_their_inputs_channels_inside():
    thin = DiscriminatorBlock(4, 8, downsample=True, spectral_norm=False, width="thin")
    wide = DiscriminatorBlock(4, 8, downsample=True, spectral_norm=False)

    assert thin.conv1.out_channels == thin.conv2.in_channels == 4
    assert wide.conv1.out_channels == wide.conv2.in_channels == 8
    assert thin(torch.randn(2, 4, 8, 8)).shape == wide(torch.randn(2, 4, 8, 8)).shape


@pytest.mark.parametrize("network", [Generator, Discriminator])
@pytest.mark.parametrize("spectral_norm", [True, False])
@pytest.mark.parametrize("form", ["released", "residual"])
def test_spectral_norm_reaches_every_layer_or_none(network, spectral_norm, form):
    options = {"attention_form": form, "spectral_norm": spectral_norm}
    built = network(**SIZES, attention_resolutions=(8,), **options)
    kinds = nn.Conv2d | nn.Linear | nn.Embedding

    assert all(
        isinstance(layer, SpectralLayer) == spectral_norm
        for layer in built.modules()
        if isinstance(layer, kinds)
    )


def test_the_gain_scales_the_3x3_kernels_alone():
    kernels = []
    for gain in (1.0, math.sqrt(2)):
        torch.manual_seed(0)
        block = Discriminator(**SIZES, attention_resolutions=(), conv_gain=gain).layers["8x8_block"]
        kernels.append((block.conv1.weight, block.shortcut.weight))

    torch.testing.assert_close(kernels[1][0], kernels[0][0] * math.sqrt(2))
    assert torch.equal(kernels[1][1], kernels[0][1])


def test_kept_bug_a_weight_drawn_after_wrapping_has_no_effect():
    """torch's parametrization hands out a normalised copy: initialising that changes nothing."""
    wrapped = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
    original = wrapped.parametrizations.weight.original.clone()
    nn.init.zeros_(wrapped.weight)

    assert torch.equal(wrapped.parametrizations.weight.original, original)

    torch.manual_seed(0)
    ours = Discriminator(**SIZES, attention_resolutions=()).head.linear
    bound = math.sqrt(6 / (ours.in_features + ours.out_features))  # Xavier, uniform
    assert 0.8 * bound < ours.weight.abs().max() <= bound


def test_kept_bug_normalised_class_tables_throttle_the_conditioning():
    """With sigma(W) = 1 a one-hot label moves a gain by 1/sqrt(C) in the mean square, no more."""
    channels, classes = 64, 4
    table = nn.Linear(classes, channels, bias=False)
    nn.init.normal_(table.weight, std=5.0)
    normalised = table.weight / torch.linalg.matrix_norm(table.weight, ord=2)

    assert normalised[:, 0].square().mean().sqrt() <= 1 / math.sqrt(channels) + 1e-6
    assert table.weight[:, 0].square().mean().sqrt() > 3.0  # what a class could ask for


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_baselines_settle_their_vectors_too(network):
    torch.manual_seed(0)
    built = network(**SIZES, attention_resolutions=(8,), attention_form="residual")
    power_iteration(built, 50)

    for layer in built.modules():
        if isinstance(layer, SpectralLayer):
            top = torch.linalg.matrix_norm((layer.weight / layer.sigma()).flatten(1), ord=2)
            assert top.item() == pytest.approx(1.0, abs=0.05)
