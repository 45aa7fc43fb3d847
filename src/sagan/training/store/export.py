"""Export of a training state's generator as a bundle."""

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
    """Export the averaged weights if there is an average, else the last ones.

    Batch-norm statistics are recomputed over `config.standing_batches`, if any. The state is
    unchanged. `facts` are added to the bundle's; `raw` exports the last weights along with an
    average.
    """
    average, raw_weights = state.ema_generator, None
    if average is not None and raw:
        differing = {"weights": RAW, "ema_decay": None}
        raw_weights = RawWeights(exported_generator(state.generator, config, shards), differing)
    return save_bundle(
        path,
        exported_generator(
            average or state.generator, config, shards, averaged=average is not None
        ),
        config.model.generator,
        class_names=shards.class_names,
        facts=facts | _facts(state, config, shards),
        class_titles=shards.class_titles,
        raw=raw_weights,
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
