"""Training state: networks, averaged generator, optimisers, images seen."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam

from sagan.data.shards.store import ShardStore
from sagan.models.attention import SelfAttention2d
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import Generator, build_generator
from sagan.models.ops.sync_batch_norm import synchronize_batch_norm
from sagan.training.config import TrainingConfig
from sagan.training.core.augmentation.methods import Augmentation
from sagan.training.core.finite import FiniteCheck, NonFiniteError
from sagan.training.core.inputs import Stream, torch_seed
from sagan.training.core.losses import LeCam

CUDA_GRAPH = "cuda-graph"
"""The value of `training.compile` with which whole updates are recorded and replayed."""


class TrainingState:
    """The state of one run; `state_dict` holds everything that resuming needs.

    Data, latents and labels need no state: they are functions of (seed, images seen).
    """

    def __init__(self, config: TrainingConfig, shards: ShardStore, device: torch.device) -> None:
        """Build freshly initialised networks and optimisers from the run's seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(torch_seed(config.seed, Stream.INITIALISATION))
            sizes = {"image_size": shards.image_size, "num_classes": shards.num_classes}
            sizes["image_channels"] = shards.image_channels
            generator = build_generator(config.model.generator, **sizes)
            discriminator = build_discriminator(config.model.discriminator, **sizes)
        discriminator.freeze(config.freeze_discriminator_layers)
        # channels_last: images are stored that way, and convolutions are faster
        self.generator = generator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = discriminator.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if config.sync_batch_norm:
            synchronize_batch_norm(self.generator)
        self.ema_generator: Generator | None = None  # without an average
        if config.ema_decay is not None:
            self.ema_generator = copy.deepcopy(self.generator).requires_grad_(requires_grad=False)
        self.generator_optimizer, self.discriminator_optimizer = (
            _adam(network, lr, config, device)
            for network, lr in (
                (self.generator, config.generator_lr),
                (self.discriminator, config.discriminator_lr),
            )
        )
        self.augmentation = Augmentation(config.augmentation, config.seed).to(device)
        self.lecam: LeCam | None = None
        if weight := config.augmentation.lecam_weight:
            warmup = config.augmentation.lecam_warmup_steps * config.discriminator_steps
            self.lecam = LeCam(weight, config.augmentation.lecam_decay, warmup).to(device)
        self.finite_check = FiniteCheck(device)
        self.images_seen = 0
        self.train_seconds = 0.0

    def require_finite(self, *, but: int = 0) -> None:
        """Raise if an update, but for the newest ones, was not finite; see `FiniteCheck`.

        Raises:
            NonFiniteError: and `images_seen` are again those before that update.
        """
        try:
            self.finite_check.require_finite(but=but)
        except NonFiniteError:
            self.images_seen = self.finite_check.images_seen
            raise

    def gammas(self) -> dict[str, Tensor]:
        """Each attention block's gamma, [] and detached, by 'gamma/<network>/<block>'."""
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        return {
            f"gamma/{name}/{block}": layer.gamma.detach()
            for name, network in networks.items()
            for block, layer in network.layers.items()
            if isinstance(layer, SelfAttention2d)
        }

    def overfitting_controls(self) -> dict[str, Tensor]:
        """ADA's probability and LeCam's averages by the journal's names, [] each; those in use."""
        found = {}
        if self.augmentation.adapts:
            found["overfitting/probability"] = self.augmentation.probability
        if self.lecam is not None:
            real, fake = self.lecam.averages
            found |= {"lecam/real_logits": real, "lecam/fake_logits": fake}
        return found

    def not_finite(self) -> dict[str, float]:
        """Of each part that has one, the first value that is NaN or infinite."""
        found = {}
        for name, part in self._parts().items():
            for tensor in _floats(part.state_dict()):
                if not torch.isfinite(tensor).all():
                    found[name] = tensor[~torch.isfinite(tensor)][0].item()
                    break
        return found

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers only."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return parts | {"images_seen": self.images_seen, "train_seconds": self.train_seconds}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` gave; the optimisers' options stay those of this run.

        Where a run with an average continues one without, the average begins with those weights;
        augmentation and LeCam that the other run was without begin anew.
        """
        for name, part in self._parts().items():
            if isinstance(part, Adam):
                part.load_state_dict(_with_options_of(part, state[name]))
            elif part is self.ema_generator and name not in state:
                part.load_state_dict(state["generator"])
            elif part in (self.augmentation, self.lecam) and name not in state:
                continue
            else:
                part.load_state_dict(state[name])
        self.images_seen = state["images_seen"]
        self.train_seconds = state["train_seconds"]

    def set_rates(self, config: TrainingConfig) -> None:
        """Set the optimisers' learning rates to the schedule at `images_seen`."""
        left = 1.0
        if config.lr_schedule == "linear":
            left = max(0.0, 1.0 - self.images_seen / config.total_images)
        for optimizer, lr in zip(
            self._optimizers(), (config.generator_lr, config.discriminator_lr), strict=True
        ):
            group = optimizer.param_groups[0]
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr * left)
            else:
                group["lr"] = lr * left

    def rates(self) -> dict[str, float]:
        """The learning rates by the journal's names."""
        g, d = (float(optimizer.param_groups[0]["lr"]) for optimizer in self._optimizers())
        return {"generator_lr": g, "discriminator_lr": d}

    def _optimizers(self) -> tuple[Adam, Adam]:
        return self.generator_optimizer, self.discriminator_optimizer

    def _parts(self) -> dict[str, nn.Module | Adam]:
        networks = {"generator": self.generator, "discriminator": self.discriminator}
        average = {} if self.ema_generator is None else {"ema_generator": self.ema_generator}
        controls: dict[str, nn.Module] = {}
        if self.augmentation.adapts:
            controls["augmentation"] = self.augmentation
        if self.lecam is not None:
            controls["lecam"] = self.lecam
        return {
            **networks,
            **average,
            **controls,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }


def _adam(network: nn.Module, lr: float, config: TrainingConfig, device: torch.device) -> Adam:
    # fused on a GPU: one kernel for all parameters
    fused = device.type == "cuda"
    if config.compile != CUDA_GRAPH:
        return Adam(network.parameters(), lr=lr, betas=config.betas, fused=fused)
    # a number would be recorded as it is at that step
    rate = torch.tensor(lr, device=device)
    return Adam(network.parameters(), lr=rate, betas=config.betas, fused=fused, capturable=fused)


def _with_options_of(optimizer: Adam, saved: dict[str, Any]) -> dict[str, Any]:
    """Saved moments under an optimiser's own rates, betas and, by its device, way of updating."""
    own = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
    (group,) = saved["param_groups"]
    return saved | {"param_groups": [group | own]}


def _floats(value: object) -> Iterator[Tensor]:
    """All floating-point tensors in nested dictionaries."""
    if isinstance(value, Tensor) and value.is_floating_point():
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _floats(part)
