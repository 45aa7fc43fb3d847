import pytest
import torch
from torch import nn

from sagan.models.attention import SelfAttention2d
from sagan.models.blocks import DiscriminatorBlock, DiscriminatorStem, GeneratorBlock
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.models.normalization import ConditionalBatchNorm2d

BLOCKS = {
    "generator": GeneratorBlock(8, 8, num_classes=2, momentum=0.1, spectral_norm=True),
    "stem": DiscriminatorStem(3, 8, spectral_norm=True),
    "down": DiscriminatorBlock(8, 16, downsample=True, spectral_norm=True),
    "last": DiscriminatorBlock(8, 8, downsample=False, spectral_norm=True),
    "attention": SelfAttention2d(8, spectral_norm=True),
}


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("name", BLOCKS)
def test_a_block_leaves_its_input_alone(name, training):
    x = torch.randn(2, 3 if name == "stem" else 8, 8, 8)
    before = x.clone()
    labels = (torch.tensor([0, 1]),) if name == "generator" else ()

    with torch.set_grad_enabled(training):
        BLOCKS[name].train(training)(x, *labels)

    assert torch.equal(x, before)


def test_kept_bug_a_relu_in_place_changes_the_shortcut():
    block = DiscriminatorBlock(4, 8, downsample=True, spectral_norm=False)
    x = torch.randn(2, 4, 8, 8)
    right = block(x)

    torch.relu_(x)  # what nn.ReLU(inplace=True) at the head of the block does

    assert not torch.allclose(block(x), right)


def test_the_shortcut_sees_the_unactivated_input():
    block = DiscriminatorBlock(4, 4, downsample=False, spectral_norm=False)
    nn.init.zeros_(block.conv2.weight)
    nn.init.zeros_(block.conv2.bias)
    x = torch.randn(2, 4, 4, 4)

    assert torch.equal(block(x), x)


def test_shortcuts_equal_the_order_of_the_release():
    """Upsample then project, project then pool: both commute, and both are done the cheap way."""
    torch.manual_seed(0)
    up = GeneratorBlock(4, 8, num_classes=2, momentum=0.1, spectral_norm=False).double()
    down = DiscriminatorBlock(4, 8, downsample=True, spectral_norm=False).double()
    for block in (up, down):
        nn.init.zeros_(block.conv2.weight)
        nn.init.zeros_(block.conv2.bias)
        nn.init.normal_(block.shortcut.bias)
    x = torch.randn(2, 4, 8, 8).double()
    upsampled = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")

    torch.testing.assert_close(up(x, torch.tensor([0, 1])), up.shortcut(upsampled))
    torch.testing.assert_close(down(x), nn.functional.avg_pool2d(down.shortcut(x), 2))


def test_conditional_batch_norm_starts_as_the_plain_one():
    ours = ConditionalBatchNorm2d(6, num_classes=3, momentum=0.1)
    x, labels = torch.randn(4, 6, 5, 5), torch.tensor([0, 1, 2, 0])

    torch.testing.assert_close(ours(x, labels), nn.BatchNorm2d(6)(x))


def test_conditional_batch_norm_equals_an_affine_map_for_each_class():
    ours = ConditionalBatchNorm2d(6, num_classes=3, momentum=0.1)
    nn.init.normal_(ours.gain)
    nn.init.normal_(ours.bias)
    x, labels = torch.randn(4, 6, 5, 5), torch.tensor([0, 1, 2, 0])
    normal = nn.BatchNorm2d(6)(x)
    expected = [
        normal[i] * ours.gain[k][:, None, None] + ours.bias[k][:, None, None]
        for i, k in enumerate(labels)
    ]

    torch.testing.assert_close(ours(x, labels), torch.stack(expected))


def test_projection_head():
    torch.manual_seed(0)
    discriminator = Discriminator(
        image_size=16, num_classes=5, base_channels=8, attention_resolutions=(8,)
    )
    images = torch.randn(2, 3, 16, 16)
    y, other = torch.tensor([1, 3]), torch.tensor([4, 0])
    h = discriminator.features(images)
    e = discriminator.head.class_embedding
    difference = discriminator(images, y)[0] - discriminator(images, other)[0]

    torch.testing.assert_close(difference, ((e(y) - e(other)) * h).sum(1))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_one_sample_does_not_depend_on_the_others_at_evaluation(network, channels):
    torch.manual_seed(0)
    sizes = {"image_size": 16, "num_classes": 3, "base_channels": 8, "attention_resolutions": (8,)}
    sizes["image_channels"] = channels
    labels = torch.tensor([0, 1, 2, 1])
    built = Generator(**sizes) if network == "generator" else Discriminator(**sizes)
    x = torch.randn(4, 128) if network == "generator" else torch.randn(4, channels, 16, 16)
    built.eval()

    both, alone = built(x, labels), built(x[1:2], labels[1:2])
    if network == "discriminator":
        both, alone = both[0], alone[0]
    else:
        assert both.shape == (4, channels, 16, 16)

    torch.testing.assert_close(both[1:2], alone)


def test_attention_maps_come_with_the_same_images():
    torch.manual_seed(0)
    generator = Generator(
        image_size=32, num_classes=3, base_channels=8, attention_resolutions=(16, 8)
    ).eval()
    z, y = torch.randn(2, 128), torch.tensor([0, 2])

    images, maps = generator.forward_with_attention(z, y)

    assert torch.equal(images, generator(z, y))
    assert {r: tuple(m.shape) for r, m in maps.items()} == {8: (2, 64, 16), 16: (2, 256, 64)}


def test_a_generator_stored_channels_last_computes_so():
    sizes = {"image_size": 16, "num_classes": 3, "base_channels": 8, "attention_resolutions": ()}
    generator = Generator(**sizes).to(memory_format=torch.channels_last)
    seen = []
    generator.layers["8x8_block"].register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )

    generator(torch.randn(2, 128), torch.tensor([0, 2]))

    assert seen[0].is_contiguous(memory_format=torch.channels_last)
