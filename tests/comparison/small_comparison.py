"""A comparison of tiny networks, of a few steps each."""

from sagan.metrics.config import ClassifierConfig

PROTOCOL = {
    "features": "classifier",
    "classifier": ClassifierConfig(epochs=1, base_channels=4, feature_dim=4),
    "num_samples": 12,
    "batch_size": 12,
    "kernel": None,
    "neighbours": None,
    "intra_class": False,
    "memorisation": False,
    "bootstrap_resamples": 0,
    "extrapolation_points": 0,
    "device": "cpu",
}
TRAINING = {
    "model": {
        "generator": {"base_channels": 8, "latent_dim": 8, "attention_resolutions": [8]},
        "discriminator": {"base_channels": 8, "attention_resolutions": [8]},
    },
    "device": "cpu",
    "threads": 1,
    "batch_size": 4,
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
