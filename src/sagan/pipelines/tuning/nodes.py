"""Nodes of the tuning pipeline."""

from pathlib import Path
from typing import Any

from sagan.pipelines.types import ShardStore
from sagan.processes.signals import exit_on_signal
from sagan.training.config import TrainingConfig
from sagan.tuning.config import TuningConfig


def tune_training(
    image_shards: ShardStore,
    tuning_workspace: Path,
    evaluation_workspace: Path,
    training: TrainingConfig,
    config: TuningConfig,
) -> tuple[str, dict[str, Any], str]:
    """Run the study until it has its trials, or resume it if it was interrupted.

    Returns:
        the best parameters, the study as JSON, its page.
    """
    with exit_on_signal():  # while large libraries are imported
        from sagan.tuning.run import tune

    result = tune(
        config,
        training,
        image_shards,
        tuning_workspace,
        evaluation_workspace=evaluation_workspace,
    )
    return result.best_parameters, result.results, result.report
