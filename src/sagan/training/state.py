"""Everything that changes while training: networks, averages, optimisers, images seen."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from sagan.data.shards import ShardStore
from sagan.models.attention import SelfAttention2d
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import build_generator
from sagan.training.config import TrainingConfig


class TrainingState:
    """The state of one run; `state_dict` holds all that a resumed run needs.

    Data, latents and labels need no state: they are functions of (seed, images seen).
    """

    def __init__(self, config: TrainingConfig, shards: ShardStore, device: torch.device) -> None:
        """Build freshly initialised networks and optimisers from the run's seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            sizes = {"image_size": shards.image_size, "num_classes": shards.num_classes}
            generator = build_generator(config.model.generator, **sizes)
            discriminator = build_discriminator(config.model.discriminator, **sizes)
        # channels_last: images are stored that way, and convolutions are faster
        self.generator = generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema_generator = copy.deepcopy(self.generator).requires_grad_(requires_grad=False)
        self.generator_optimizer = Adam(
            self.generator.parameters(), lr=config.generator_lr, betas=config.betas
        )
        self.discriminator_optimizer = Adam(
            self.discriminator.parameters(), lr=config.discriminator_lr, betas=config.betas
        )
        self.images_seen = 0
        self.train_seconds = 0.0

    def gammas(self) -> dict[str, Tensor]:
        """Each attention block's gamma, [] and detached, by 'gamma/<network>/<block>'."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return {
            f"gamma/{name}/{block}": layer.gamma.detach()
            for name, network in networks.items()
            for block, layer in network.layers.items()
            if isinstance(layer, SelfAttention2d)
        }

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers only."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return parts | {"images_seen": self.images_seen, "train_seconds": self.train_seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        self.images_seen = state["images_seen"]
        self.train_seconds = state["train_seconds"]

    def _parts(self) -> dict[str, nn.Module | Adam]:
        return {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "ema_generator": self.ema_generator,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }
