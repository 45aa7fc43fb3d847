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
    """Generate samples and measure them batch by batch; none is kept."""
    import torch

    from sagan.devices import choose_device
    from sagan.metrics.protocols import check_generator, evaluate, evaluation_labels
    from sagan.metrics.statistics import Statistics
    from sagan.sampling.generate import generate
    from sagan.sampling.latents import sample_latents

    check_generator(generator_bundle, image_shards)
    device, count = choose_device(config.device), config.num_samples
    class_labels = evaluation_labels(count, generator_bundle.num_classes)
    latents = sample_latents(count, generator_bundle.latent_dim, config.seed, config.truncation)
    generator = generator_bundle.load(str(device))
    images = generate(generator, latents, class_labels, config.batch_size, device)
    return evaluate(
        zip(images, torch.split(class_labels, config.batch_size), strict=True),
        image_shards,
        Statistics.from_arrays(reference_statistics),
        config,
        workspace=evaluation_workspace,
        device=device,
        origin={
            "class_labels": "evenly over the classes",
            "seed": config.seed,
            "truncation": config.truncation,
            "generator": generator_bundle.facts,
        },
    )
