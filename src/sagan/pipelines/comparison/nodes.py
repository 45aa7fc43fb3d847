"""Nodes of the comparison pipeline."""

from pathlib import Path
from typing import Any

from sagan.comparison.config import ComparisonConfig
from sagan.metrics.config import EvaluationConfig
from sagan.pipelines.types import ShardStore
from sagan.processes.signals import exit_on_signal
from sagan.training.config import TrainingConfig


def train_and_measure(
    *,
    image_shards: ShardStore,
    comparison_workspace: Path,
    evaluation_workspace: Path,
    config: ComparisonConfig,
    training: TrainingConfig,
    evaluation: EvaluationConfig,
) -> list[dict[str, Any]]:
    """Train and evaluate every variant with every seed, except those measured before."""
    with exit_on_signal():  # while large libraries are imported
        from sagan.comparison.runner import run_comparison

    return run_comparison(
        config=config,
        training=training,
        evaluation=evaluation,
        shards=image_shards,
        workspace=comparison_workspace,
        features=evaluation_workspace,
    )


def summarise_comparison(
    comparison_rows: list[dict[str, Any]], comparison_workspace: Path, config: ComparisonConfig
) -> tuple[dict[str, Any], Any, str]:
    """The table with its conclusions, samples of all variants, and the page.

    Returns:
        JSON-able results, uint8 [height, width, 3], HTML.
    """
    from sagan.comparison.figures import NOTHING_TRAINED, sample_sheet
    from sagan.comparison.page import render_page, results
    from sagan.sampling.drawing import text_picture

    found = results(comparison_rows, config.reference)
    sheet = sample_sheet(comparison_rows, comparison_workspace / "runs")
    page = render_page(comparison_rows, found, sheet)
    return found, text_picture(NOTHING_TRAINED) if sheet is None else sheet, page
