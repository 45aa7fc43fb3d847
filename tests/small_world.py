"""The smallest real shards, generator, training and evaluation that tests can work on."""

from pathlib import Path

import torch

from sagan.bundle.generator_bundle import GeneratorBundle, RawWeights, save_bundle
from sagan.data.shards.store import ShardStore
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import Generator, build_generator
from sagan.network_config import DiscriminatorConfig, GeneratorConfig
from sagan.training.store.checkpoint_files import write_checkpoint
from tests.drawn_images import draw_image_folder
from tests.program import program

make_shards = program("data")

SIZE = 16
CLASSES = ("00_circle", "01_square", "02_triangle")
TRAINING = {
    "model": {
        "generator": {"base_channels": 8, "latent_dim": 8, "attention_resolutions": [8]},
        "discriminator": {"base_channels": 8, "attention_resolutions": [8]},
    },
    "device": "cpu",
    "threads": 1,
    "batch_size": 4,
    "log_every_steps": 1,
}
CLASSIFIER = {"epochs": 1, "base_channels": 4, "feature_dim": 4}
PROTOCOL = {
    "features": "classifier",
    "classifier": CLASSIFIER,
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
SCORING = {"every_images": 12, "evaluation": PROTOCOL}


def small_shards(root: Path, *, val_per_class: int = 4, channels: int = 3) -> ShardStore:
    """Three classes of 24 drawn images at 16 px, and a validation split unless it is empty."""
    draw_image_folder(root / "images", per_class=24, val_per_class=val_per_class)
    arguments = [str(root / "images"), "--image-size", str(SIZE), "--out", str(root / "shards")]
    arguments += ["--channels", str(channels)]
    assert make_shards(arguments) == 0
    return ShardStore.open(next((root / "shards").glob("*/index.json")).parent)


def small_bundle(
    path: Path,
    *,
    attention: tuple[int, ...] = (8,),
    class_names: tuple[str, ...] = CLASSES,
    class_titles: dict[str, str] | None = None,
    averaged: bool = False,
    channels: int = 3,
    conditional: bool = True,
    distinct: bool = False,
) -> GeneratorBundle:
    """A random generator for the same classes; its attention is switched on.

    Distinct, its classes differ, as they do once it is trained.

    Said to be averaged, it has another one beside it as the raw weights.
    """
    config = GeneratorConfig(
        base_channels=8,
        latent_dim=12,
        attention_resolutions=attention,
        class_conditional=conditional,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = (_attentive(config, len(class_names), channels) for _ in range(2))
    if distinct:
        for name, parameter in first.named_parameters():
            if name.endswith((".gain", ".bias")) and parameter.shape[0] == len(class_names):
                places = torch.arange(parameter.numel(), dtype=torch.float32)
                parameter.data += 0.5 * places.sin().view_as(parameter)
    facts = {"weights": "raw", "images_seen": 0, "batch_norm_statistics": "running averages"}
    raw = None
    if averaged:
        raw = RawWeights(second, {"weights": "raw", "ema_decay": None})
        facts |= {"weights": "ema", "ema_decay": 0.9}
    return save_bundle(
        path,
        first,
        config,
        class_names=class_names,
        facts=facts,
        class_titles=class_titles,
        raw=raw,
    )


def small_checkpoint(run: Path, *, channels: int = 3, num_classes: int = len(CLASSES)) -> Path:
    """A run's folder whose checkpoint has a random discriminator for the same classes."""
    config = DiscriminatorConfig(base_channels=8, attention_resolutions=(8,))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_discriminator(
            config, image_size=SIZE, num_classes=num_classes, image_channels=channels
        )
    model = {"discriminator": config.model_dump(mode="json")}
    state = {"discriminator": network.state_dict(), "identity": {"parameters": {"model": model}}}
    facts = {"images_seen": 8, "number": 1}
    write_checkpoint(run / "checkpoint-000000000008.pt", state, facts)
    return run


def _attentive(config: GeneratorConfig, num_classes: int, channels: int) -> Generator:
    generator = build_generator(
        config, image_size=SIZE, num_classes=num_classes, image_channels=channels
    )
    for name, parameter in generator.named_parameters():
        if "gamma" in name and parameter.ndim == 0:
            parameter.data.fill_(1.0)
    return generator
