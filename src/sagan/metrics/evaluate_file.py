"""Metrics of a file of samples, such as `sagan sample --npz` writes, without their generator."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch

from sagan.common.files import file_sha256
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig, SweepConfig
from sagan.metrics.evaluation import evaluate
from sagan.metrics.features.extractor import Batch
from sagan.metrics.features.references import reference_statistics

logger = logging.getLogger(__name__)


def read_samples(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, 3, H, W] and class labels int64 [N] of a samples file.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if it holds anything else; nothing in it is run.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            images, class_labels = file["images"], file["class_labels"]
    except (BadZipFile, EOFError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a file of samples: {error}") from error
    sound = images.dtype == np.uint8 and images.ndim == 4 and images.shape[1] == 3
    named = class_labels.dtype.kind in "iu" and class_labels.shape == images.shape[:1]
    if not sound or not named:
        raise ValueError(
            f"{path}: expected images uint8 [N, 3, H, W] and integer class_labels [N], got "
            f"{images.dtype} {[*images.shape]} and {class_labels.dtype} {[*class_labels.shape]}"
        )
    return images, class_labels.astype(np.int64)


def evaluate_file(
    path: Path, shards: ShardStore, config: EvaluationConfig, workspace: Path, device: torch.device
) -> dict[str, Any]:
    """The metrics of a file of samples.

    Args:
        path: `.npz` with images and class_labels.
        shards: The real images.
        config: The protocol; the number of samples is the file's.
        workspace: Cache of features and classifiers.
        device: Where to compute.

    Raises:
        ValueError: If the file's images or labels do not go with the shards.
    """
    images, class_labels = read_samples(path)
    size = (shards.image_size, shards.image_size)
    if images.shape[2:] != size:
        raise ValueError(f"{path}: images are {images.shape[2:]}, the shards' {size}")
    unknown = class_labels[(class_labels < 0) | (class_labels >= shards.num_classes)]
    if len(unknown):
        raise ValueError(
            f"{path}: {len(unknown)} class labels are outside 0..{shards.num_classes - 1}, the "
            f"shards' classes: {unknown[:5].tolist()}"
        )
    config = _config_for_file(config, len(images))
    reference = reference_statistics(shards, config, workspace, device)
    origin = {"file": path.name, "file_sha256": file_sha256(path)}

    def batches() -> Iterator[Batch]:
        for start in range(0, len(images), config.batch_size):
            batch = slice(start, start + config.batch_size)
            yield torch.from_numpy(images[batch]), torch.from_numpy(class_labels[batch])

    return evaluate(
        batches(), shards, reference, config, workspace=workspace, device=device, origin=origin
    )


def _config_for_file(config: EvaluationConfig, count: int) -> EvaluationConfig:
    """The configuration without what only a generator can be asked."""
    if config.sweep.truncations:
        logger.info("no truncation curve: it needs a generator to sample from")
    if config.weights is not None:
        logger.info("weights: %s: not known of samples that were drawn before", config.weights)
    return config.model_copy(update={"num_samples": count, "sweep": SweepConfig()})
