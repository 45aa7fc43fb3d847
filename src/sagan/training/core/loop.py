"""The training loop, a generator of one record a step.

Its caller writes the journal, saves checkpoints and decides when to stop.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sagan.common.pixels import to_float
from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig
from sagan.training.core.batches import Batches
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.ema import update_ema, warm_decay
from sagan.training.core.inputs import (
    Stream,
    add_real_noise,
    draw_latents_and_labels,
    label_counts,
)
from sagan.training.core.losses import objective
from sagan.training.core.sizes import fakes_per_update, images_per_step, passes
from sagan.training.core.state import TrainingState
from sagan.training.core.steps import (
    DiscriminatorRecord,
    GeneratorRecord,
    discriminator_step,
    generator_step,
)

_DISCRIMINATORS_IMAGES = (Stream.AUGMENTED_REAL, Stream.AUGMENTED_DISCRIMINATOR_FAKES)


@dataclass(frozen=True)
class StepRecord:
    """One step, after it was made; tensors are [] and stay on the device until they are read."""

    images_seen: int
    discriminator: DiscriminatorRecord
    generator: GeneratorRecord
    seconds: float


def training_loop(
    state: TrainingState, shards: ShardStore, config: TrainingConfig, context: DistributedContext
) -> Iterator[StepRecord]:
    """Train from `state.images_seen` until `config.total_images`, one record a step.

    Args:
        state: where training stands; it is changed.
        shards: the images; the `train` split is used.
        config: of the run.
        context: this process among those that train together.
    """
    G, D = state.generator.train(), state.discriminator.train()  # noqa: N806 - the paper's symbols
    shared_G, shared_D = context.wrap_ddp(G), context.wrap_ddp(D)  # noqa: N806
    sizes = {"latent_dim": G.latent_dim, "num_classes": G.num_classes}
    inputs = InputSampler(shards, config, context, **sizes)
    losses = objective(config.loss, config.classifier_weight)
    bf16, fakes = config.resolved().precision == "bf16", fakes_per_update(config)
    while state.images_seen < config.total_images:
        started = time.perf_counter()
        state.set_rates(config)
        for _ in range(config.discriminator_steps):
            discriminator = discriminator_step(
                G,
                shared_D,
                state.discriminator_optimizer,
                *inputs.real(state.images_seen),
                *inputs.fakes(state.images_seen, Stream.DISCRIMINATOR_FAKES, config.batch_size),
                objective=losses,
                lecam=state.lecam,
                augment=state.augmentation,
                draws=inputs.draws(state, config.batch_size, *_DISCRIMINATORS_IMAGES),
                bf16=bf16,
                passes=passes(config, config.batch_size),
            )
            state.images_seen += config.batch_size
            _adapt(state, discriminator, config, context)
        generator = generator_step(
            shared_G,
            D,
            state.generator_optimizer,
            *inputs.fakes(state.images_seen, Stream.GENERATOR_FAKES, fakes),
            objective=losses,
            augment=state.augmentation,
            draws=inputs.draws(state, fakes, Stream.AUGMENTED_GENERATOR_FAKES),
            bf16=bf16,
            passes=passes(config, fakes),
        )
        if state.ema_generator is not None and config.ema_decay is not None:
            step = state.images_seen // images_per_step(config)
            update_ema(state.ema_generator, G, warm_decay(config.ema_decay, step))
        seconds = time.perf_counter() - started
        state.train_seconds += seconds
        yield StepRecord(state.images_seen, discriminator, generator, seconds)


def _adapt(
    state: TrainingState,
    record: DiscriminatorRecord,
    config: TrainingConfig,
    context: DistributedContext,
) -> None:
    """Let ADA's probability and LeCam's averages follow an update of D."""
    if state.lecam is not None:
        means = torch.stack([record.real_logits, record.fake_logits])
        state.lecam.update(context.total(means) / context.size)
    if state.augmentation.adapts:
        images = config.batch_size // context.size
        # whole numbers, so that any split of a batch gives the same probability
        signs = (record.real_signs * images).round()
        state.augmentation.observe(
            context.total(torch.stack([signs, torch.full_like(signs, images)]))
        )
        between = config.augmentation.interval * images_per_step(config)
        if state.images_seen // between > (state.images_seen - config.batch_size) // between:
            state.augmentation.adapt()


class InputSampler:
    """A process's share of each batch: real images, latents, labels, by global index."""

    def __init__(
        self,
        shards: ShardStore,
        config: TrainingConfig,
        context: DistributedContext,
        *,
        latent_dim: int,
        num_classes: int,
    ) -> None:
        """Bind to the images, the run, this process, Z and K."""
        self._batches = Batches(
            shards.split("train"), seed=config.seed, horizontal_flip=config.horizontal_flip
        )
        self._config, self._context = config, context
        self._sizes = {"latent_dim": latent_dim, "num_classes": num_classes}
        self._class_counts = label_counts(config, shards)

    def real(self, images_seen: int) -> tuple[Tensor, Tensor]:
        """Images float [N, 3, H, W], -1..1, and labels int64 [N], on the device."""
        config, share = self._config, self._context.share(self._config.batch_size)
        images, class_labels = self._batches.read(
            images_seen + share.start, share.stop - share.start
        )
        images = add_real_noise(
            to_float(images.to(self._context.device)),
            config.real_noise,
            seed=config.seed,
            images_seen=images_seen,
            batch_size=config.batch_size,
            share=share,
        )
        return images, class_labels.to(self._context.device)

    def fakes(self, images_seen: int, stream: Stream, batch_size: int) -> tuple[Tensor, Tensor]:
        """Latents [N, Z] and labels int64 [N], on the device."""
        z, y = draw_latents_and_labels(
            self._config.seed,
            stream,
            images_seen,
            batch_size=batch_size,
            class_counts=self._class_counts,
            **self._sizes,
        )
        share, device = self._context.share(batch_size), self._context.device
        return z[share].to(device), y[share].to(device)

    def draws(self, state: TrainingState, batch_size: int, *streams: Stream) -> tuple[Tensor, ...]:
        """Random numbers of the augmentation, [N, numbers] a stream, on the device; () if off."""
        share, device = self._context.share(batch_size), self._context.device
        return tuple(
            drawn[share].to(device)
            for stream in streams
            for drawn in state.augmentation.draw(stream, state.images_seen, batch_size)
        )
