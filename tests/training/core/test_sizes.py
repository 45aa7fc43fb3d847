"""Sizes that follow from the parameters; small numbers, counted by hand."""

import pytest

from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import (
    fakes_per_update,
    images_per_step,
    passes,
    real_images_per_pass,
    steps_between,
    total_steps,
)


@pytest.mark.parametrize(("images", "steps"), [(96, 6), (97, 7), (100, 7), (1, 1)])
def test_the_last_step_is_a_whole_one(images, steps):
    config = TrainingConfig(batch_size=8, discriminator_steps=2, total_images=images)

    assert images_per_step(config) == 16
    assert total_steps(config) == steps


@pytest.mark.parametrize(("images", "steps"), [(5, 1), (16, 1), (31, 1), (32, 2), (100, 6)])
def test_an_interval_is_whole_steps_and_at_least_one(images, steps):
    config = TrainingConfig(batch_size=8, discriminator_steps=2)

    assert steps_between(config, images) == steps


def test_passes_of_an_update():
    assert passes(TrainingConfig(), 256) == 1
    assert passes(TrainingConfig(images_per_pass=64), 256) == 4
    assert passes(TrainingConfig(devices=2, images_per_pass=64), 256) == 2
    assert passes(TrainingConfig(images_per_pass=64, generator_batch_size=512), 512) == 8
    assert passes(TrainingConfig(images_per_pass=1024), 256) == 1  # larger than the batch


@pytest.mark.parametrize(
    ("options", "images"),
    [({}, 256), ({"devices": 2}, 128), ({"devices": 2, "images_per_pass": 32}, 32)],
)
def test_a_process_takes_its_share_of_the_real_images_in_its_passes(options, images):
    assert real_images_per_pass(TrainingConfig(batch_size=256, **options)) == images


def test_fakes_are_as_many_as_real_images_unless_asked_for():
    assert fakes_per_update(TrainingConfig()) == 256
    assert fakes_per_update(TrainingConfig(generator_batch_size=512)) == 512
