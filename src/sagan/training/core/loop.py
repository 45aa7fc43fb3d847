"""The training loop, a generator of one record a step.

Its caller writes the journal, saves checkpoints and decides when to stop.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from sagan.common.pixels import to_float
from sagan.data.shards.store import ShardStore
from sagan.models.discriminator import Discriminator
from sagan.models.ops.cuda_graph import Replayed
from sagan.models.ops.spectral_norm import spectral_vectors
from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.ema import update_ema, warm_decay
from sagan.training.core.finite import Facts, FiniteCheck
from sagan.training.core.losses import objective
from sagan.training.core.sizes import fakes_per_update, images_per_step, passes
from sagan.training.core.state import CUDA_GRAPH, TrainingState
from sagan.training.core.step_inputs import InputSampler
from sagan.training.core.steps import (
    DiscriminatorRecord,
    GeneratorRecord,
    discriminator_step,
    generator_step,
)

R = TypeVar("R", DiscriminatorRecord, GeneratorRecord)


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
    G = state.generator  # noqa: N806 - the paper's symbol
    sizes = {"latent_dim": G.latent_dim, "num_classes": G.num_classes}
    inputs = InputSampler(shards, config, context, state.augmentation, **sizes)
    update_discriminator, update_generator = _updates(state, config, context)
    with closing(inputs.steps(state.images_seen)) as steps:
        while state.images_seen < config.total_images:
            started = time.perf_counter()
            state.set_rates(config)
            *of_discriminator, of_generator = next(steps)
            for images, *others in of_discriminator:
                state.finite_check.images_seen = state.images_seen
                real_images = images if images.is_floating_point() else to_float(images)
                discriminator = update_discriminator(real_images, *others)
                state.images_seen += config.batch_size
                _adapt(state, discriminator, config, context)
            state.finite_check.images_seen = state.images_seen
            generator = update_generator(*of_generator)
            _average(state, config)
            # those of the step before: meanwhile a GPU has this one to do
            state.require_finite(but=config.discriminator_steps + 1)
            seconds = time.perf_counter() - started
            state.train_seconds += seconds
            yield StepRecord(state.images_seen, discriminator, generator, seconds)


def _updates(
    state: TrainingState, config: TrainingConfig, context: DistributedContext
) -> tuple[Callable[..., DiscriminatorRecord], Callable[..., GeneratorRecord]]:
    """The updates of D and of G, as functions of their inputs; see `step_inputs.Update`."""
    G, D = state.generator.train(), state.discriminator.train()  # noqa: N806 - the paper's symbols
    fast_G, fast_D = (compiled_network(network, config.compile) for network in (G, D))  # noqa: N806
    options: dict[str, Any] = {
        "objective": objective(config.loss, config.classifier_weight),
        "augment": state.augmentation,
        "bf16": config.resolved().precision == "bf16",
        "check": state.finite_check,
    }
    of_discriminator = partial(
        discriminator_step,
        fast_G,
        context.wrap_ddp(fast_D),
        state.discriminator_optimizer,
        lecam=state.lecam,
        passes=passes(config, config.batch_size),
        **options,
    )
    of_generator = partial(
        generator_step,
        context.wrap_ddp(fast_G),
        fast_D,
        state.generator_optimizer,
        passes=passes(config, fakes_per_update(config)),
        **options,
    )
    return (
        update_by(config.compile, of_discriminator, D, state.finite_check),
        update_by(config.compile, of_generator, G, state.finite_check),
    )


def update_by(
    mode: str, step: Callable[..., R], network: nn.Module, check: FiniteCheck
) -> Callable[..., R]:
    """An update as a function of its inputs alone, replayed with mode "cuda-graph".

    Args:
        mode: `training.compile`.
        step: `discriminator_step` or `generator_step` with everything but the inputs.
        network: that is updated.
        check: of the step.
    """
    count = 4 if isinstance(network, Discriminator) else 2  # then the augmentation's numbers
    check.replays = mode == CUDA_GRAPH

    def decided(*inputs: Tensor) -> tuple[R, Facts | None]:
        record = step(*inputs[:count], draws=inputs[count:])
        return record, check.facts

    compute = Replayed(decided, spectral_vectors(network)) if check.replays else decided

    def update(*inputs: Tensor) -> R:
        begin_update(mode)
        record, facts = compute(*inputs)
        if check.replays and facts is not None:
            check.look_later(facts)
        return record

    return update


def compiled_network(network: nn.Module, mode: str) -> nn.Module:
    """The network by torch.compile, which shares its weights; itself without.

    A pass that cannot be compiled as a whole is an error: parts of it would be slower than none.
    """
    if mode in ("off", CUDA_GRAPH):
        return network
    whole = torch.compile(network, mode=mode, fullgraph=True, dynamic=False)
    return cast(nn.Module, whole)


def begin_update(mode: str) -> None:
    """Let CUDA graphs, where a mode of compilation has them, reuse the last update's memory."""
    if mode in ("reduce-overhead", "max-autotune"):
        torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]


def _average(state: TrainingState, config: TrainingConfig) -> None:
    """Let the average follow a step, if there is one."""
    if state.ema_generator is not None and config.ema_decay is not None:
        decay = warm_decay(config.ema_decay, state.images_seen // images_per_step(config))
        update_ema(state.ema_generator, state.generator, decay, state.finite_check)


def _adapt(
    state: TrainingState,
    record: DiscriminatorRecord,
    config: TrainingConfig,
    context: DistributedContext,
) -> None:
    """Let ADA's probability and LeCam's averages follow an update of D."""
    controls = [b for part in (state.lecam, state.augmentation) if part for b in part.buffers()]
    with state.finite_check.unchanged_unless_finite(controls):
        _follow(state, record, config, context)


def _follow(
    state: TrainingState,
    record: DiscriminatorRecord,
    config: TrainingConfig,
    context: DistributedContext,
) -> None:
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
