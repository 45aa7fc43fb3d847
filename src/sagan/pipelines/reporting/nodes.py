"""Nodes of the reporting pipeline."""

from typing import Any

import numpy as np

from sagan.pipelines.types import Figure, GeneratorBundle
from sagan.reporting.config import ReportingConfig


def plot_curves(training_journal: list[dict[str, Any]], config: ReportingConfig) -> Figure:
    """The training's curves, for Kedro-Viz and notebooks."""
    from sagan.reporting.curves import training_curves_figure

    return training_curves_figure(training_journal, config.curve_points)


def collect_scores(
    training_summary: dict[str, Any], metrics: dict[str, Any] | None
) -> dict[str, float]:
    """The numbers that `dvc metrics` shows."""
    from sagan.reporting.summary_section import scores

    return scores(training_summary, metrics)


def write_report(
    *,
    validation_report: dict[str, Any],
    generator_bundle: GeneratorBundle,
    training_journal: list[dict[str, Any]],
    training_summary: dict[str, Any],
    sample_grid: np.ndarray,
    attention_maps: np.ndarray,
    metrics: dict[str, Any] | None,
    evaluation_pictures: dict[str, np.ndarray] | None,
    parameters: dict[str, Any],
    config: ReportingConfig,
) -> str:
    """The page; without an evaluation `metrics` and `evaluation_pictures` are None."""
    from sagan.reporting.page import Contents, render_report

    contents = Contents(
        validation_report=validation_report,
        bundle=generator_bundle.config,
        journal=training_journal,
        summary=training_summary,
        sample_grid=sample_grid,
        attention_maps=attention_maps,
        metrics=metrics,
        pictures=evaluation_pictures,
        parameters=parameters,
    )
    return render_report(config, contents)
