"""Nodes of the training pipeline."""

from pathlib import Path
from typing import Any

from sagan.pipelines.types import DataFrame, GeneratorBundle, ShardStore
from sagan.processes.signals import exit_on_signal
from sagan.training.config import TrainingConfig


def train_gan(
    image_shards: ShardStore,
    checkpoints_workspace: Path,
    evaluation_workspace: Path,
    config: TrainingConfig,
) -> tuple[GeneratorBundle, list[dict[str, Any]], dict[str, Any]]:
    """Train both networks, or resume the run if it was interrupted.

    Returns:
        the generator bundle, the journal, the summary.
    """
    with exit_on_signal():  # while large libraries are imported
        from sagan.training import train
        from sagan.training.store.runs import log_disk_usage

    log_disk_usage(checkpoints_workspace)
    result = train(config, image_shards, checkpoints_workspace, feature_cache=evaluation_workspace)
    return result.bundle, result.journal, result.summary


def tabulate_curves(training_journal: list[dict[str, Any]]) -> DataFrame:
    """The journal's numbers as a table, one row a record, for plots."""
    import pandas as pd

    return pd.DataFrame([record for record in training_journal if "event" not in record])
