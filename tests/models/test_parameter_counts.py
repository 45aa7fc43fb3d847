"""Golden parameter counts of the released networks at 128 px, 1,000 classes, 64 channels, z 128."""

import pytest
import torch

from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.network_config import IMAGE_SIZES

GOLDEN = {
    (): (41_996_931, 39_443_137),
    (8,): (43_307_652, 39_770_818),
    (16,): (42_324_612, 39_525_058),
    (32,): (42_078_852, 39_463_618),
    (64,): (42_017_412, 39_448_258),
}


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("attention", GOLDEN)
def test_counts_by_attention_resolution(attention):
    sizes = {"image_size": 128, "num_classes": 1000, "attention_resolutions": attention}

    with torch.device("meta"):
        networks = Generator(**sizes), Discriminator(**sizes)
    assert tuple(map(count, networks)) == GOLDEN[attention]


def test_parts_of_the_official_generator():
    with torch.device("meta"):
        generator = Generator(image_size=128, num_classes=1000)
    tables = [p for name, p in generator.named_parameters() if ".gain" in name or ".norm" in name]

    assert count(generator.linear) == 2_113_536
    assert sum(table.numel() for table in tables) == 9_856_000
    assert count(generator.layers["32x32_attention"]) == 81_921
    assert count(generator.norm) == 128
    assert count(generator.to_rgb) == 1_731


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
def test_every_size_makes_and_scores_images(image_size):
    sizes = {"image_size": image_size, "num_classes": 3, "base_channels": 8}
    generator = Generator(**sizes, attention_resolutions=(8,))
    discriminator = Discriminator(**sizes, attention_resolutions=(min(8, image_size // 2),))
    class_labels = torch.tensor([2])

    images = generator(torch.randn(1, 128), class_labels)

    assert images.shape == (1, 3, image_size, image_size)
    assert images.abs().max() <= 1
    assert discriminator(images, class_labels)[0].shape == (1,)


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
def test_widths_double_from_the_image_to_16_times_the_base(image_size):
    with torch.device("meta"):
        generator = Generator(image_size=image_size, num_classes=2, attention_resolutions=())
        discriminator = Discriminator(
            image_size=image_size, num_classes=2, attention_resolutions=()
        )
    doublings = IMAGE_SIZES.index(image_size) + 1
    widths = [64 * min(16, 2**power) for power in range(doublings)]

    made = [layer.conv2.out_channels for layer in generator.layers.values()]
    seen = [layer.conv2.out_channels for layer in discriminator.layers.values()]
    assert made == widths[::-1]
    assert seen == [*widths, widths[-1]]


@pytest.mark.parametrize("network", [Generator, Discriminator])
def test_refuses_what_it_cannot_be(network):
    with pytest.raises(ValueError, match=r"no networks .* 48 px.* nearest: 32 and 64"):
        network(image_size=48, num_classes=2)
    with pytest.raises(ValueError, match=r"1024 px.* nearest: 512 px"):
        network(image_size=1024, num_classes=2)
    with pytest.raises(ValueError, match=r"no feature map of \[128\] px.*has \["):
        network(image_size=64, num_classes=2, attention_resolutions=(32, 128))
    odd = {"image_size": 16, "num_classes": 2, "base_channels": 3, "attention_resolutions": (8,)}
    with pytest.raises(ValueError, match=r"base_channels: .* a multiple of 8; there would be \d"):
        network(**odd)
    network(**odd, attention_form="residual")  # takes any number


def test_thin_blocks_without_attention_are_sngans():
    sngan = Discriminator(
        image_size=128, num_classes=1000, attention_resolutions=(), block_width="thin"
    )

    assert count(sngan) == 30_041_857
