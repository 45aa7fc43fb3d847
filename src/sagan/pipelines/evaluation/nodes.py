"""Nodes of the evaluation station."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sagan.metrics.config import EvaluationConfig

if TYPE_CHECKING:
    from sagan.data.shards import ShardStore
    from sagan.models.bundle import GeneratorBundle
else:  # heavy to import; yet a hint that Kedro cannot resolve switches off its parameter checks
    ShardStore = GeneratorBundle = Any


def measure_reference(
    image_shards: ShardStore, evaluation_workspace: Path, config: EvaluationConfig
) -> dict[str, np.ndarray]:
    """Feature statistics of the real images, in pytorch-fid's format."""
    from sagan.devices import choose_device
    from sagan.metrics.references import reference_statistics

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
    """Generate samples and measure them batch by batch; few are kept."""
    from collections.abc import Iterator

    import torch

    from sagan.devices import choose_device
    from sagan.metrics.evaluation import evaluate
    from sagan.metrics.features import Batch
    from sagan.metrics.questions import check_generator, evaluation_labels
    from sagan.metrics.statistics import Statistics
    from sagan.sampling.generate import generate
    from sagan.sampling.latents import sample_latents

    check_generator(generator_bundle, image_shards)
    device, bundle = choose_device(config.device), generator_bundle
    generator = bundle.load(str(device))

    def draw(first: int, count: int, truncation: float | None) -> Iterator[Batch]:
        labels = evaluation_labels(count, bundle.num_classes)
        latents = sample_latents(
            count, bundle.latent_dim, config.seed, truncation, first_index=first
        )
        images = generate(generator, latents, labels, config.batch_size, device)
        return zip(images, torch.split(labels, config.batch_size), strict=True)

    return evaluate(
        draw(0, config.num_samples, config.truncation),
        image_shards,
        Statistics.from_arrays(reference_statistics),
        config,
        workspace=evaluation_workspace,
        device=device,
        draw=draw,
        origin={
            "class_labels": "evenly over the classes",
            "seed": config.seed,
            "truncation": config.truncation,
            "generator": bundle.facts,
        },
    )
