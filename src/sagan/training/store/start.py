"""Start of a run from a trained model: the weights, and a record of what was taken."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.state import TrainingState
from sagan.training.core.transfer import (
    DISCRIMINATOR,
    TrainedWeights,
    describe_taken,
    take_weights,
)
from sagan.training.store.journal import Record
from sagan.training.store.trained_model import STARTED_FROM, find_model

logger = logging.getLogger(__name__)


def start_from_model(  # noqa: PLR0917 - what a run consists of
    config: TrainingConfig,
    state: TrainingState,
    shards: ShardStore,
    context: DistributedContext,
    runs_dir: Path,
    identity: dict[str, Any],
) -> Record:
    """Take the weights of `config.start_from` into a fresh state; the main process reads for all.

    Returns:
        the journal's record of what was taken and what was left.

    Raises:
        ValueError: if the model is damaged, changed just now, or nothing of it fits.
    """
    given, weights = str(config.start_from), None
    if context.is_main:
        model = find_model(given, runs_dir)
        weights = model.load()
        if model.sha256 != identity["start_from"]:
            raise ValueError(f"training.start_from: {given} was changed just now; start again")
    weights = context.broadcast_from_main(weights)
    try:
        taken = take_weights(state, weights, shards.class_names)
    except ValueError as error:
        raise ValueError(f"training.start_from: {given}: {error}") from None
    message = describe_taken(taken)
    if context.is_main:
        logger.info("weights of %s: %s", given, message)
        for warning in _warnings(state, weights, taken):
            logger.warning("training.start_from: %s", warning)
    start = {"given": given, "sha256": identity["start_from"], **taken}
    seen = {"step": 0, "images_seen": 0}
    return {"event": STARTED_FROM, **seen, "message": message, "start": start}


def start_in(journal: Sequence[Record]) -> dict[str, Record]:
    """What a run started from, as `started_from`; nothing where it started from new weights."""
    starts = [record["start"] for record in journal if record.get("event") == STARTED_FROM]
    return {STARTED_FROM: starts[0]} if starts else {}


def _warnings(
    state: TrainingState, weights: TrainedWeights, taken: dict[str, Any]
) -> Iterator[str]:
    if DISCRIMINATOR not in weights.networks:
        yield (
            "a generator bundle has no discriminator, which starts with new weights; a checkpoint "
            "of that run would serve better"
        )
    if weights.class_names is None:
        yield (
            "the checkpoint does not say which classes it knows; every class starts with the mean "
            "of its class tables"
        )
    parameters = state.discriminator.named_parameters()
    frozen = {name for name, parameter in parameters if not parameter.requires_grad}
    if new := sorted(frozen.intersection(taken[DISCRIMINATOR]["left"])):
        yield (
            f"freeze_discriminator_layers keeps {len(new)} tensors at new weights, which the model "
            f"did not have: {', '.join(new[:3])}"
        )
