"""What each process draws: shares of one batch, by global index, whatever their number."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from sagan.training.core import step_inputs
from sagan.training.core.augmentation.methods import Augmentation
from sagan.training.core.batches import batch_indices
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.step_inputs import InputSampler

CPU = torch.device("cpu")


def sampler(config, shards, rank=0, size=1, **options):
    context = DistributedContext(CPU, rank, size)
    augmentation = Augmentation(config.augmentation, config.seed)
    sizes = {"latent_dim": 8, "num_classes": shards.num_classes}
    return InputSampler(shards, config, context, augmentation, **sizes, **options)


@pytest.fixture
def config(tiny):
    augmentation = {"method": "diffaugment"}
    return tiny(
        batch_size=8,
        discriminator_steps=2,
        generator_batch_size=16,
        horizontal_flip=True,
        real_noise=1 / 128,
        augmentation=augmentation,
    )


@pytest.mark.parametrize("size", [2, 4])
def test_processes_draw_what_one_would(config, shards, size):
    one, many = sampler(config, shards), [sampler(config, shards, r, size) for r in range(size)]
    for images_seen in (0, 32):  # the second one goes over the end of an epoch
        whole, parts = one.read(images_seen), [each.read(images_seen) for each in many]
        assert [len(update) for update in whole] == [6, 6, 3]
        for number, update in enumerate(whole):
            for expected, *its in zip(update, *(each[number] for each in parts), strict=True):
                assert torch.equal(torch.cat(its), expected)


def test_reading_ahead_and_copying_at_once_change_no_value(config, shards):
    alone, ahead = (list(sampler(config, shards, ahead=ahead).steps(8)) for ahead in (False, True))

    assert len(alone) == len(ahead) == 2  # of 40 images in all
    for step, other in zip(alone, ahead, strict=True):
        for update, its in zip(step, other, strict=True):
            for one, two in zip(update, its, strict=True):
                assert torch.equal(one, two)
                assert (one.dtype, one.stride()) == (two.dtype, two.stride())


@pytest.mark.parametrize("ahead", [True, None])
def test_one_thread_reads_one_step_ahead_if_asked_to(config, shards, monkeypatch, ahead):
    """Not more: the inputs of a step are large. By default, on a CPU, none is read ahead."""
    asked = []

    class Noted(ThreadPoolExecutor):
        def submit(self, function, place):
            asked.append(place)
            assert self._max_workers == 1
            return super().submit(function, place)

    monkeypatch.setattr(step_inputs, "ThreadPoolExecutor", Noted)
    taken = [list(asked) for _ in sampler(config, shards, ahead=ahead).steps(0)]

    assert taken == ([[0, 16], [0, 16, 32], [0, 16, 32]] if ahead else [[], [], []])


def test_what_goes_wrong_while_reading_ahead_is_raised_in_its_place(config, shards, monkeypatch):
    inputs = sampler(config, shards, ahead=True)
    original = inputs.read

    def failing(images_seen):
        if images_seen > 0:
            raise OSError("the disk is broken")
        return original(images_seen)

    monkeypatch.setattr(inputs, "read", failing)
    steps = inputs.steps(0)

    assert len(next(steps)) == 3
    with pytest.raises(OSError, match="the disk is broken"):
        next(steps)


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
    (_, real, _, discriminator), (_, generator) = sampler(tiny(batch_size=64), shards).read(0)

    for one, other in ((real, discriminator), (real, generator), (discriminator, generator)):
        assert not torch.equal(one, other)
