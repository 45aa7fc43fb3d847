"""Evaluation of a generator bundle against the real images of a shard store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.devices import choose_device
from sagan.data.shards.store import ShardStore
from sagan.metrics.class_labels import asked_counts, evaluation_labels, name_labels
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.evaluation import evaluate
from sagan.metrics.features.extractor import Batch
from sagan.metrics.features.references import reference_class_counts, reference_statistics
from sagan.metrics.features.statistics import Statistics
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents


def evaluate_generator(
    bundle: GeneratorBundle,
    shards: ShardStore,
    config: EvaluationConfig,
    workspace: Path,
    *,
    reference: Statistics | None = None,
) -> dict[str, Any]:
    """Generate samples and evaluate them batch by batch.

    Args:
        bundle: the generator.
        shards: the real images.
        config: the protocol.
        workspace: folder of cached statistics, features and classifiers.
        reference: statistics of the real images; None: the cached ones, computed if there are none.

    Returns:
        JSON-able, the contents of `metrics.json`: the scores by name (`fid` or `fd_classifier`,
        `precision`, ...), `intervals`, `details`, `self_test`, `warnings`, `protocol`.

    Raises:
        FileNotFoundError: if Inception's weights are asked for and absent.
        ValueError: if image size or classes differ, the bundle lacks the weights asked for, the
            reference was made under another protocol, a named protocol is not followed, there are
            fewer than two samples, or features are NaN or infinite.
    """
    check_generator(bundle, shards)
    bundle = bundle.choose(config.weights)
    device = choose_device(config.device)
    if reference is None:
        reference = reference_statistics(shards, config, workspace, device)
    generator = bundle.load(str(device))

    counts = asked_counts(config, reference_class_counts(shards, config))

    def draw(first: int, count: int, truncation: float | None) -> Iterator[Batch]:
        labels = evaluation_labels(count, counts)
        latents = sample_latents(
            count, bundle.latent_dim, config.seed, truncation, first_index=first
        )
        images = generate(generator, latents, labels, config.batch_size, device)
        return zip(images, torch.split(labels, config.batch_size), strict=True)

    return evaluate(
        draw(0, config.num_samples, config.truncation),
        shards,
        reference,
        config,
        workspace=workspace,
        device=device,
        draw=draw,
        origin={
            "class_labels": name_labels(config.num_samples, counts),
            "seed": config.seed,
            "truncation": config.truncation,
            "generator": bundle.facts,
        },
    )


def check_generator(bundle: GeneratorBundle, shards: ShardStore) -> None:
    """Check that a generator has the shards' image size, channels and classes.

    Raises:
        ValueError: if they differ.
    """
    size, channels = bundle.image_size, bundle.image_channels
    remedy = (
        "make shards like its images: kedro run --pipelines=preprocessing "
        f"--params=preprocessing.image_size={size},preprocessing.channels={channels}"
    )
    if size != shards.image_size:
        raise ValueError(
            f"the generator makes images of {size} px, the shards hold {shards.image_size} px: "
            f"compare at one size; {remedy}"
        )
    if channels != shards.image_channels:
        raise ValueError(
            f"the generator makes images with channels: {channels}, the shards hold "
            f"{shards.image_channels}; {remedy}"
        )
    if bundle.class_names != shards.class_names:
        differing = sorted(set(bundle.class_names) ^ set(shards.class_names))
        raise ValueError(
            f"the generator has {bundle.num_classes} classes, the shards {shards.num_classes}; "
            f"{len(differing)} are in one only: {', '.join(differing[:5])}; a label would mean "
            "another class"
        )
