"""Nodes of the evaluation pipeline."""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from sagan.metrics.config import EvaluationConfig
from sagan.metrics.named_protocols import QUICK
from sagan.pipelines.types import GeneratorBundle, ShardStore

logger = logging.getLogger(__name__)


def measure_reference(
    image_shards: ShardStore, evaluation_workspace: Path, config: EvaluationConfig
) -> dict[str, np.ndarray]:
    """Feature statistics of the real images, in pytorch-fid's format."""
    from sagan.common.devices import choose_device
    from sagan.metrics.features.references import reference_statistics

    device = choose_device(config.device)
    statistics = reference_statistics(image_shards, config, evaluation_workspace, device)
    return statistics.to_arrays()


def evaluate_generator(
    generator_bundle: GeneratorBundle,
    image_shards: ShardStore,
    reference_statistics: dict[str, np.ndarray],
    evaluation_workspace: Path,
    config: EvaluationConfig,
) -> dict[str, Any]:
    """Generate samples and evaluate them batch by batch."""
    from sagan.metrics.evaluation import headline_scores
    from sagan.metrics.features.statistics import Statistics
    from sagan.metrics.projection import evaluate_and_project

    if config.protocol == QUICK:
        logger.info(
            "protocol quick: %d samples, no curve of truncation; evaluation.protocol=null measures "
            "in full, by the other parameters",
            config.followed().num_samples,
        )
    metrics = evaluate_and_project(
        generator_bundle,
        image_shards,
        config.followed(),
        evaluation_workspace,
        reference=Statistics.from_arrays(reference_statistics),
    )
    for line in headline_scores(metrics):
        logger.info("%s", line)
    return metrics


def draw_pictures(
    generator_bundle: GeneratorBundle,
    image_shards: ShardStore,
    metrics: dict[str, Any],
    config: EvaluationConfig,
) -> dict[str, np.ndarray]:
    """The samples that the metrics name, and the real images that they are compared with."""
    from sagan.metrics.pictures import evaluation_pictures

    return evaluation_pictures(generator_bundle, image_shards, metrics, config.followed())
