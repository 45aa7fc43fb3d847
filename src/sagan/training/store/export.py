"""From a training state to the generator bundle that users get."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sagan.bundle.generator_bundle import EMA, RAW, GeneratorBundle, RawWeights, save_bundle
from sagan.data.shards.store import ShardStore
from sagan.models.generator import Generator
from sagan.models.ops.spectral_norm import power_iteration
from sagan.training.config import TrainingConfig
from sagan.training.core.inputs import draw_latents_and_labels
from sagan.training.core.state import TrainingState

_SETTLING_ITERATIONS = 20  # averaged weights are new to u and v


def export_generator(
    state: TrainingState,
    config: TrainingConfig,
    shards: ShardStore,
    path: Path,
    facts: dict[str, Any],
    *,
    raw: bool,
) -> GeneratorBundle:
    """Write the run's generator as a bundle.

    The averaged weights where there is an average, else the last ones; batch-norm statistics
    taken afresh over `config.standing_batches`, where asked for. The state is left as it was.

    Args:
        state: of the run.
        config: the run's.
        shards: its images.
        path: the bundle's folder.
        facts: more to say about it, JSON-able.
        raw: keep the last weights beside an average.
    """
    average, beside = state.ema_generator, None
    if average is not None and raw:
        differing = {"weights": RAW, "ema_decay": None}
        beside = RawWeights(_settled(state.generator, config), differing)
    return save_bundle(
        path,
        _settled(average or state.generator, config, averaged=average is not None),
        config.model.generator,
        class_names=shards.class_names,
        facts=facts | _facts(state, config, shards),
        class_titles=shards.class_titles,
        raw=beside,
    )


def _settled(network: Generator, config: TrainingConfig, *, averaged: bool = False) -> Generator:
    """A copy with the spectral norm's vectors and the batch norms' statistics that fit it."""
    generator = copy.deepcopy(network)
    if averaged:
        power_iteration(generator, _SETTLING_ITERATIONS)
    if config.standing_batches:
        take_standing_statistics(generator, config)
    return generator


def _facts(state: TrainingState, config: TrainingConfig, shards: ShardStore) -> dict[str, Any]:
    return {
        "weights": RAW if config.ema_decay is None else EMA,
        "ema_decay": config.ema_decay,
        "batch_norm_statistics": (
            f"standing, {config.standing_batches * config.batch_size // config.images_at_once} "
            f"batches of {config.images_at_once}"
            if config.standing_batches
            else "running averages"
        ),
        "images_seen": state.images_seen,
        "data_hash": shards.data_hash,
        "shards_key": shards.key,
    }


@torch.no_grad()
def take_standing_statistics(generator: Generator, config: TrainingConfig) -> None:
    """Replace the batch norms' statistics by the plain mean over fresh batches of fakes.

    A batch goes through in as many parts as in training: so it fits into memory where training did,
    and its statistics are of as many images as those that the generator was trained with.
    """
    norms = [layer for layer in generator.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
    device = next(generator.parameters()).device
    generator.train()
    for batch in range(config.standing_batches):
        z, y = draw_latents_and_labels(
            config.seed,
            batch,
            "standing",
            batch_size=config.batch_size,
            latent_dim=generator.latent_dim,
            num_classes=generator.num_classes,
        )
        parts = (torch.split(whole, config.images_at_once) for whole in (z, y))
        for latents, class_labels in zip(*parts, strict=True):
            generator(latents.to(device), class_labels.to(device))
    generator.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
