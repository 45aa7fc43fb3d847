"""Collapse monitor: regular diagnostics on fixed latents and real images.

A GAN's losses do not show whether it works. The diagnostics measure the diversity of samples within
a class, the margin between real and fake logits, the logits on training and on validation images,
and the attention entropies. They read the training state and leave it unchanged, bit for bit.
"""

import logging
from dataclasses import dataclass
from math import inf, isfinite

import torch
from torch import Tensor

from sagan.common.pixels import to_float, to_uint8
from sagan.data.shards.store import ShardStore
from sagan.metrics.scores.diversity import mean_pairwise_distance
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.training.config import TrainingConfig
from sagan.training.config.watch import WatchConfig
from sagan.training.core.losses import hinge_discriminator_loss
from sagan.training.core.state import TrainingState
from sagan.training.monitor.diagnostics import (
    attention_entropies,
    batch_statistics,
    refreshed_spectral_norm,
)
from sagan.training.monitor.fixed_batch import FixedBatch, choose_fixed_batch

logger = logging.getLogger(__name__)

_GAMMA, _ENTROPY = "gamma/", "attention_entropy/"
_ACTIVE_GAMMA = 0.05  # |gamma| below which an attention block contributes almost nothing


@dataclass(frozen=True)
class Diagnostics:
    """Result of one check."""

    scalars: dict[str, float]
    """By the journal's names: diversity, margin, attention_entropy/<network>/<block>, ..."""
    warnings: list[str]
    """Problems that have now lasted for `patience` checks, each reported once while it lasts."""
    images: Tensor
    """uint8 [N, C, H, W] on the CPU: samples of the fixed latents by the generator that is
    exported, sorted by class, `images_per_class` each."""


class CollapseMonitor:
    """Checks one run; its only state is how long each problem has lasted."""

    def __init__(self, config: TrainingConfig, shards: ShardStore, device: torch.device) -> None:
        """Choose the fixed batch and measure the diversity of its real images."""
        self._config = config.watch
        self._batch: FixedBatch = choose_fixed_batch(config, shards).to(device)
        self.lasting: dict[str, int] = {}
        """Problem -> checks that it has lasted; a part of checkpoints."""

    @torch.no_grad()
    def check(self, state: TrainingState) -> Diagnostics:
        """Check both networks, and the averaged generator if there is one."""
        with attention_entropies(state.generator) as generator_entropies:
            fake_images = self._fakes(state.generator)
        with attention_entropies(state.discriminator) as discriminator_entropies:
            real_logits, fake_logits = self._logits(state.discriminator, fake_images)
        images = _as_bytes(fake_images)
        scalars = self._diversity(images, "diversity")
        if state.ema_generator is not None:
            with refreshed_spectral_norm(state.ema_generator):
                images = _as_bytes(self._fakes(state.ema_generator))
            scalars |= self._diversity(images, "diversity_ema")
        scalars["margin"] = (real_logits.mean() - fake_logits.mean()).item()
        if len(self._batch.val_labels):
            images_held_out = to_float(self._batch.val_images)
            val_logits, _ = state.discriminator(images_held_out, self._batch.val_labels)
            scalars["overfitting/train_logits"] = real_logits.mean().item()
            scalars["overfitting/val_logits"] = val_logits.mean().item()
        for network, entropies in (
            ("generator", generator_entropies),
            ("discriminator", discriminator_entropies),
        ):
            for block, entropy in entropies.items():
                scalars[f"{_ENTROPY}{network}/{block}"] = entropy.item()
        gammas = {name: gamma.item() for name, gamma in state.gammas().items()}
        loss = hinge_discriminator_loss(real_logits, fake_logits).item()
        problems = find_problems(scalars, gammas, loss, self._config)
        self.lasting = {name: self.lasting.get(name, 0) + 1 for name in problems}
        warnings = [
            text for name, text in problems.items() if self.lasting[name] == self._config.patience
        ]
        for warning in warnings:
            logger.warning("%s", warning)
        finite = {name: value for name, value in scalars.items() if isfinite(value)}
        return Diagnostics(finite, warnings, images.cpu())

    def _fakes(self, generator: Generator) -> Tensor:
        with batch_statistics(generator):
            images: Tensor = generator(self._batch.latents, self._batch.class_labels)
        return images  # float [N, C, H, W], -1..1

    def _logits(self, discriminator: Discriminator, fake_images: Tensor) -> tuple[Tensor, Tensor]:
        batch = self._batch
        images = torch.cat([to_float(batch.real_images), fake_images])
        logits, _ = discriminator(images, torch.cat([batch.real_labels, batch.class_labels]))
        real_logits, fake_logits = logits.split([len(batch.real_labels), len(batch.class_labels)])
        return real_logits, fake_logits

    def _diversity(self, images: Tensor, name: str) -> dict[str, float]:
        """Mean and minimum over the groups of the pairwise distance relative to real images."""
        ratios = {
            group: mean_pairwise_distance(images[self._batch.groups == group].cpu().numpy())
            / distance
            for group, distance in self._batch.real_distances.items()
        }
        if not ratios:
            return {}
        found = {name: sum(ratios.values()) / len(ratios)}
        return found | ({f"{name}_min": min(ratios.values())} if len(ratios) > 1 else {})


def find_problems(
    scalars: dict[str, float], gammas: dict[str, float], loss: float, config: WatchConfig
) -> dict[str, str]:
    """Problems of a check, by a name that is the same in each check.

    Args:
        scalars: of the check.
        gammas: of the attention blocks, by 'gamma/<network>/<block>'.
        loss: hinge loss of the discriminator on the fixed batch.
        config: thresholds.

    Returns:
        name -> message of each problem.
    """
    found = {}
    for name, whose in (("diversity", "generator"), ("diversity_ema", "averaged generator")):
        diversity = scalars.get(name, inf)
        if diversity < config.min_diversity:
            found[name] = (
                f"collapse: the {whose}'s samples of a class are near copies, "
                f"{diversity:.2g} times as diverse as real images"
            )
    margin = scalars["margin"]
    if loss < config.min_discriminator_loss:
        found["won"] = (
            f"the discriminator has won: margin between real and fake logits {margin:.3g}, hinge "
            f"loss {loss:.2g}; the generator learns little from it"
        )
    if margin <= 0:
        found["fooled"] = (
            "the discriminator is too weak: it scores fakes no lower than real images "
            f"(margin {margin:.3g})"
        )
    for name, gamma in gammas.items():
        block = name.removeprefix(_GAMMA)
        if abs(gamma) > config.max_gamma:
            found[name] = (
                f"gamma of {block} is {gamma:.3g}, beyond {config.max_gamma:g}: "
                "the attention output outweighs the features"
            )
        entropy = scalars.get(_ENTROPY + block, 0.0)
        if abs(gamma) > _ACTIVE_GAMMA and entropy > config.max_attention_entropy:
            found[_ENTROPY + block] = (
                f"the attention of {block} is close to uniform (entropy {entropy:.5f} of 1): "
                "it adds only an average over the image"
            )
    return found


def _as_bytes(images: Tensor) -> Tensor:
    """To uint8, NaN as grey: a monitor never ends a run, the losses' own check does."""
    return to_uint8(images.nan_to_num())
