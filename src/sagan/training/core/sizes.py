"""Sizes of a step and of an update, as the parameters give them."""

from sagan.training.config import TrainingConfig


def images_per_step(config: TrainingConfig) -> int:
    """Real images that one step reads [images]."""
    return config.batch_size * config.discriminator_steps


def total_steps(config: TrainingConfig) -> int:
    """Steps until `total_images` are seen, the last one whole [steps]."""
    return -(-config.total_images // images_per_step(config))


def steps_between(config: TrainingConfig, images: int) -> int:
    """Whole steps in an interval of `images`, at least one [steps]."""
    return max(1, images // images_per_step(config))


def fakes_per_update(config: TrainingConfig) -> int:
    """Fakes in an update of G, over all processes [images]."""
    return config.generator_batch_size or config.batch_size


def passes(config: TrainingConfig, images: int) -> int:
    """Passes in which a process takes its share of an update's images."""
    share = images // config.world_size
    return max(1, share // (config.images_per_pass or share))


def real_images_per_pass(config: TrainingConfig) -> int:
    """Real images that a process takes in one pass [images]."""
    return config.batch_size // config.world_size // passes(config, config.batch_size)
