"""A comparison of tiny networks, of a few steps each."""

from tests import small_world
from tests.small_world import PROTOCOL

__all__ = ["EQUAL", "PROTOCOL", "TRAINING", "VARIANTS", "count_trainings"]

TRAINING = small_world.TRAINING | {
    "total_images": 8,
    "tensorboard": False,
    "watch": {"enabled": False},
    "scoring": {"every_images": 4, "evaluation": PROTOCOL},
    "checkpoint_every_images": 4,
}
EQUAL = {"batch_size": 4, "generator_batch_size": None, "discriminator_steps": 1}
VARIANTS = (
    {"name": "sagan", "recipe": "sagan"},
    {"name": "acgan", "recipe": "acgan", "parameters": EQUAL},
    {"name": "wide", "parameters": {"model": {"generator": {"base_channels": 16}}}},
)


def count_trainings(monkeypatch):
    import sagan.training

    original, started = sagan.training.train, []

    def counted(config, *arguments, **keywords):
        started.append((config.recipe, config.seed))
        return original(config, *arguments, **keywords)

    monkeypatch.setattr(sagan.training, "train", counted)
    return started
