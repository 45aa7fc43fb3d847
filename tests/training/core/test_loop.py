"""What each process draws: shares of one batch, by global index, whatever their number."""

import pytest
import torch

from sagan.training.core.batches import batch_indices
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.inputs import Stream
from sagan.training.core.loop import InputSampler


def draws(config, shards, rank=0, size=1):
    context = DistributedContext(torch.device("cpu"), rank, size)
    config = config.model_copy(update={"horizontal_flip": True})
    return InputSampler(shards, config, context, latent_dim=8, num_classes=shards.num_classes)


@pytest.mark.parametrize("size", [2, 4])
def test_processes_draw_what_one_would(tiny, shards, size):
    config = tiny(batch_size=8, real_noise=1 / 128)
    for images_seen in (0, 24):  # the second one goes over the end of an epoch
        one = draws(config, shards)
        many = [draws(config, shards, rank, size) for rank in range(size)]
        for parts, whole in (
            (zip(*(d.real(images_seen) for d in many), strict=True), one.real(images_seen)),
            *(
                (
                    zip(*(d.fakes(images_seen, stream, 8) for d in many), strict=True),
                    one.fakes(images_seen, stream, 8),
                )
                for stream in (Stream.DISCRIMINATOR_FAKES, Stream.GENERATOR_FAKES)
            ),
        ):
            for part, expected in zip(parts, whole, strict=True):
                assert torch.equal(torch.cat(part), expected)


def test_an_epoch_shows_every_image_once_where_nothing_divides_it(tiny, shards):
    """Two processes, whose number does not divide the images."""
    count = len(shards.split("train")) - 1
    split = shards.split("train")
    seen = [
        index
        for first in range(0, 8 * count, 8)
        for share in (0, 4)
        for index in batch_indices(0, first + share, 4, count)
    ]

    assert len(split) > count
    for epoch in range(8):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_labels_of_the_fakes_are_no_copy_of_the_real_ones(tiny, shards):
    draw = draws(tiny(batch_size=64), shards)

    real, discriminator, generator = (
        draw.real(0)[1],
        draw.fakes(0, Stream.DISCRIMINATOR_FAKES, 64)[1],
        draw.fakes(0, Stream.GENERATOR_FAKES, 64)[1],
    )

    for one, other in ((real, discriminator), (real, generator), (discriminator, generator)):
        assert not torch.equal(one, other)
