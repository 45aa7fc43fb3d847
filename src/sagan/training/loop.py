"""The training loop: a generator of records, one a step.

Its caller writes the journal, saves checkpoints and decides when to stop.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from sagan.data.batches import Batches
from sagan.pixels import to_float
from sagan.training.config import TrainingConfig
from sagan.training.ema import update_ema, warm_decay
from sagan.training.randomness import draw_latents_and_labels
from sagan.training.state import TrainingState
from sagan.training.steps import (
    DiscriminatorRecord,
    GeneratorRecord,
    discriminator_step,
    generator_step,
)


@dataclass(frozen=True)
class StepRecord:
    """One step, after it was made; tensors are [] and stay on the device until they are read."""

    images_seen: int
    discriminator: DiscriminatorRecord
    generator: GeneratorRecord
    seconds: float


def training_loop(
    state: TrainingState, batches: Batches, config: TrainingConfig, device: torch.device
) -> Iterator[StepRecord]:
    """Train from `state.images_seen` until `config.total_images`, one record a step."""
    G, D = state.generator.train(), state.discriminator.train()  # noqa: N806 - the paper's symbols
    sizes = {
        "batch_size": config.batch_size,
        "latent_dim": G.latent_dim,
        "num_classes": G.num_classes,
    }
    while state.images_seen < config.total_images:
        started = time.perf_counter()
        for _ in range(config.discriminator_steps):
            images, class_labels = batches.read(state.images_seen, config.batch_size)
            z, y = draw_latents_and_labels(config.seed, state.images_seen, "discriminator", **sizes)
            discriminator = discriminator_step(
                G,
                D,
                state.discriminator_optimizer,
                to_float(images.to(device)),
                class_labels.to(device),
                z.to(device),
                y.to(device),
            )
            state.images_seen += config.batch_size
        z, y = draw_latents_and_labels(config.seed, state.images_seen, "generator", **sizes)
        generator = generator_step(G, D, state.generator_optimizer, z.to(device), y.to(device))
        if config.ema_decay is not None:
            step = state.images_seen // config.images_per_step
            update_ema(state.ema_generator, G, warm_decay(config.ema_decay, step))
        seconds = time.perf_counter() - started
        state.train_seconds += seconds
        yield StepRecord(state.images_seen, discriminator, generator, seconds)
