"""From a training state to the generator bundle that users get."""

from pathlib import Path
from typing import Any

from sagan.bundle.generator_bundle import EMA, RAW, GeneratorBundle, RawWeights, save_bundle
from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig
from sagan.training.core.exported import exported_generator
from sagan.training.core.sizes import real_images_per_pass
from sagan.training.core.state import TrainingState


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
        beside = RawWeights(exported_generator(state.generator, config), differing)
    return save_bundle(
        path,
        exported_generator(average or state.generator, config, averaged=average is not None),
        config.model.generator,
        class_names=shards.class_names,
        facts=facts | _facts(state, config, shards),
        class_titles=shards.class_titles,
        raw=beside,
    )


def _facts(state: TrainingState, config: TrainingConfig, shards: ShardStore) -> dict[str, Any]:
    at_once = real_images_per_pass(config)
    return {
        "weights": RAW if config.ema_decay is None else EMA,
        "ema_decay": config.ema_decay,
        "batch_norm_statistics": (
            f"standing, {config.standing_batches * config.batch_size // at_once} "
            f"batches of {at_once}"
            if config.standing_batches
            else "running averages"
        ),
        "images_seen": state.images_seen,
        "data_hash": shards.data_hash,
        "shards_key": shards.key,
    }
