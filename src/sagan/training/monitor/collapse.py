"""The collapse watch: every so often, a look at the same few latents and real images.

A GAN's losses do not say whether it works. What does: whether the samples of a class differ, how
far apart the discriminator keeps real images and fakes, and where the attention looks. A look
reads the training state and leaves every bit of it as it was.
"""

import logging
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sagan.common.pixels import to_float, to_uint8
from sagan.training.config.watch import WatchConfig
from sagan.training.core.losses import hinge_discriminator_loss
from sagan.training.monitor.diagnostics import attention_entropies, batch_statistics, settled
from sagan.training.monitor.fixed_batch import (
    FixedBatch,
    choose_fixed_batch,
    mean_pairwise_distance,
)

if TYPE_CHECKING:
    from sagan.data.shards.store import ShardStore
    from sagan.models.discriminator import Discriminator
    from sagan.models.generator import Generator
    from sagan.training.config import TrainingConfig
    from sagan.training.core.state import TrainingState

logger = logging.getLogger(__name__)

_GAMMA, _ENTROPY = "gamma/", "attention_entropy/"
_MOVED = 0.05  # |gamma| below which a block adds next to nothing, wherever it looks


@dataclass(frozen=True)
class Look:
    """What one look found."""

    scalars: dict[str, float]
    """By the journal's names: diversity, margin, attention_entropy/<network>/<block>, ..."""
    warnings: list[str]
    """Troubles that have lasted for as many looks as it takes, each said once while it lasts."""
    images: Tensor
    """uint8 [N, 3, H, W] on the CPU: the fixed latents through the generator that is exported;
    class by class, `images_per_class` of each."""


class CollapseWatch:
    """Looks at one run; remembers which troubles last, and nothing else."""

    def __init__(
        self, config: "TrainingConfig", shards: "ShardStore", device: torch.device
    ) -> None:
        """Choose the fixed batch and measure its real images.

        Args:
            config: the run, and how closely to watch it.
            shards: its images; the `train` split is read.
            device: where the networks are.
        """
        self._config = config.watch
        self._batch: FixedBatch = choose_fixed_batch(config, shards).to(device)
        self._alarms = _Alarms(config.watch.patience)

    def state_dict(self) -> dict[str, int]:
        """For how many looks each trouble has lasted: a resumed run warns as if it went on."""
        return dict(self._alarms.looks)

    def load_state_dict(self, looks: dict[str, int]) -> None:
        """Take over what `state_dict` gave."""
        self._alarms.looks = dict(looks)

    @torch.no_grad()
    def look(self, state: "TrainingState") -> Look:
        """Look at both networks and at the averaged generator, if the run has one."""
        with attention_entropies(state.generator) as looked_by_generator:
            fake_images = self._fakes(state.generator)
        with attention_entropies(state.discriminator) as looked_by_discriminator:
            real_logits, fake_logits = self._logits(state.discriminator, fake_images)
        images = to_uint8(fake_images)
        scalars = self._diversity(images, "diversity")
        if state.ema_generator is not None:
            with settled(state.ema_generator):
                images = to_uint8(self._fakes(state.ema_generator))
            scalars |= self._diversity(images, "diversity_ema")
        scalars["margin"] = (real_logits.mean() - fake_logits.mean()).item()
        for network, found in (
            ("generator", looked_by_generator),
            ("discriminator", looked_by_discriminator),
        ):
            for block, entropy in found.items():
                scalars[f"{_ENTROPY}{network}/{block}"] = entropy.item()
        gammas = {name: gamma.item() for name, gamma in state.gammas().items()}
        loss = hinge_discriminator_loss(real_logits, fake_logits).item()
        warnings = self._alarms.raised(troubles(scalars, gammas, loss, self._config))
        for warning in warnings:
            logger.warning("%s", warning)
        finite = {name: value for name, value in scalars.items() if isfinite(value)}
        return Look(finite, warnings, images.cpu())

    def _fakes(self, generator: "Generator") -> Tensor:
        with batch_statistics(generator):
            made: Tensor = generator(self._batch.latents, self._batch.class_labels)
        return made  # float [N, 3, H, W], -1..1

    def _logits(self, discriminator: "Discriminator", fake_images: Tensor) -> tuple[Tensor, Tensor]:
        batch = self._batch
        images = torch.cat([to_float(batch.real_images), fake_images])
        logits, _ = discriminator(images, torch.cat([batch.real_labels, batch.class_labels]))
        real_logits, fake_logits = logits.split([len(batch.real_labels), len(batch.class_labels)])
        return real_logits, fake_logits

    def _diversity(self, images: Tensor, name: str) -> dict[str, float]:
        """Mean distance between images of a group relative to real ones, and the least group's."""
        ratios = {
            group: mean_pairwise_distance(images[self._batch.groups == group]) / distance
            for group, distance in self._batch.real_distances.items()
        }
        if not ratios:
            return {}
        found = {name: sum(ratios.values()) / len(ratios)}
        return found | ({f"{name}_min": min(ratios.values())} if len(ratios) > 1 else {})


def troubles(
    scalars: dict[str, float], gammas: dict[str, float], loss: float, config: WatchConfig
) -> dict[str, str]:
    """What is wrong at this look, by a name that stays the same while it lasts.

    Args:
        scalars: of the look.
        gammas: each attention block's, by 'gamma/<network>/<block>'.
        loss: hinge loss of the discriminator on the fixed batch.
        config: thresholds.

    Returns:
        a sentence for each trouble.
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
        if abs(gamma) > _MOVED and entropy > config.max_attention_entropy:
            found[_ENTROPY + block] = (
                f"the attention of {block} is close to uniform (entropy {entropy:.5f} of 1): "
                "it adds only an average over the image"
            )
    return found


class _Alarms:
    """Which troubles last, and for how many looks."""

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self.looks: dict[str, int] = {}

    def raised(self, found: dict[str, str]) -> list[str]:
        """The sentences whose trouble has now been there for just `patience` looks in a row."""
        self.looks = {name: self.looks.get(name, 0) + 1 for name in found}
        return [text for name, text in found.items() if self.looks[name] == self._patience]
