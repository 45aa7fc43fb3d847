"""The exported generator: spectral norm and batch-norm statistics that fit its weights."""

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sagan.common.progress import progress_bar
from sagan.data.shards.store import ShardStore
from sagan.models.generator import Generator
from sagan.models.ops.spectral_norm import power_iteration
from sagan.training.config import TrainingConfig
from sagan.training.core.inputs import Stream, draw_latents_and_labels, label_counts
from sagan.training.core.sizes import real_images_per_pass

SETTLING_ITERATIONS = 20  # averaged weights are new to u and v


def exported_generator(
    network: Generator, config: TrainingConfig, shards: ShardStore, *, averaged: bool = False
) -> Generator:
    """A copy whose spectral-norm vectors and batch-norm statistics fit its weights.

    Args:
        network: trained; it is left as it was.
        config: of the run.
        shards: the images that it was trained on.
        averaged: whether its weights are an average, which u and v have not followed.
    """
    generator = copy.deepcopy(network)
    if averaged:
        power_iteration(generator, SETTLING_ITERATIONS)
    if config.standing_batches:
        take_standing_statistics(generator, config, label_counts(config, shards))
    return generator


@torch.no_grad()
def take_standing_statistics(
    generator: Generator, config: TrainingConfig, class_counts: NDArray[np.int64] | None = None
) -> None:
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
    count = config.standing_batches
    for batch in progress_bar("batch-norm statistics", count, "batches", range(count), leave=False):
        z, y = draw_latents_and_labels(
            config.seed,
            Stream.STANDING_STATISTICS,
            batch,
            batch_size=config.batch_size,
            latent_dim=generator.latent_dim,
            num_classes=generator.num_classes,
            class_counts=class_counts,
        )
        parts = (torch.split(whole, real_images_per_pass(config)) for whole in (z, y))
        for latents, class_labels in zip(*parts, strict=True):
            generator(latents.to(device), class_labels.to(device))
    generator.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
