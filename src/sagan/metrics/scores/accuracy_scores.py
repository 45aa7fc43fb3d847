"""Whether samples can stand in for real images: classification accuracy scores.

Ravuri and Vinyals 2019 train a classifier on generated images and test it on real ones, which a
generator of little variety fails; the reverse, GAN-test of Shmelkov et al. 2018, asks whether
samples show their class.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sagan.data.shards.store import ShardStore
from sagan.metrics.config import MIN_SAMPLES, ClassifierConfig
from sagan.metrics.features.classifier import (
    TrainedClassifier,
    accuracy,
    fit,
    train_and_val,
    untrained_classifier,
)


@dataclass(frozen=True)
class StoredImages:
    """Generated images that a classifier can be trained on."""

    images: Tensor
    """uint8 [N, 3, H, W]."""
    labels: np.ndarray
    """int64 [N], the classes asked for."""

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: np.ndarray) -> Tensor:
        """int64 [B] -> uint8 [B, 3, H, W]."""
        return self.images[torch.from_numpy(indices)]


def accuracy_scores(
    generated: StoredImages,
    shards: ShardStore,
    config: ClassifierConfig,
    trained_on_real: TrainedClassifier,
    device: torch.device,
) -> dict[str, Any]:
    """Train on generated and test on real images, and the reverse, with one and the same network.

    Args:
        generated: the samples.
        shards: the real images; tested on `val`, or the tenth of `train` kept from training.
        config: network and training of both classifiers.
        trained_on_real: from `obtain_classifier` with the same shards and configuration.
        device: where the new one trains.

    Returns:
        JSON-able: `generated_to_real`, the classification accuracy score; `real_to_generated`;
        `real_to_real`, what the first could reach; `generated_images`, `real_train_images`,
        `real_test_images`.

    Raises:
        ValueError: if there are fewer than two samples.
    """
    if len(generated) < MIN_SAMPLES:
        raise ValueError(f"training needs at least {MIN_SAMPLES} samples, got {len(generated)}")
    _, _, real, real_indices = train_and_val(shards)
    everything, size = np.arange(len(generated)), config.batch_size
    network = untrained_classifier(shards, config).to(device)
    with torch.inference_mode(mode=False), torch.enable_grad():
        fit(network, generated, everything, config, device)
    return {
        "generated_to_real": accuracy(network, real, real_indices, size, device),
        "real_to_generated": accuracy(trained_on_real.network, generated, everything, size, device),
        "real_to_real": trained_on_real.facts["val_accuracy"],
        "generated_images": len(generated),
        "real_train_images": trained_on_real.facts["train_images"],
        "real_test_images": len(real_indices),
    }
