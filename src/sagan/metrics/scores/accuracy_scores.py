"""Classification accuracy scores: classifiers trained on samples, tested on real images.

Ravuri and Vinyals 2019 train a classifier on generated images and test it on real ones, which is
low for generators of little variety; the reverse, GAN-test of Shmelkov et al. 2018, measures
whether samples show their class.
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
    untrained_classifier,
)
from sagan.metrics.features.fitting import accuracy, fit, train_and_val


@dataclass(frozen=True)
class StoredImages:
    """Generated images as `LabelledImages`."""

    images: Tensor
    """uint8 [N, C, H, W]."""
    labels: np.ndarray
    """int64 [N], the requested classes."""

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: np.ndarray) -> Tensor:
        """int64 [B] -> uint8 [B, C, H, W]."""
        return self.images[torch.from_numpy(indices)]


def accuracy_scores(
    generated: StoredImages,
    shards: ShardStore,
    config: ClassifierConfig,
    trained_on_real: TrainedClassifier,
    device: torch.device,
) -> dict[str, Any]:
    """Train on generated and test on real images, and the reverse, with the same network.

    Args:
        generated: the samples.
        shards: the real images; tested on `val`, or the held-out tenth of `train`.
        config: network and training of both classifiers.
        trained_on_real: from `obtain_classifier` with the same shards and configuration.
        device: of the training.

    Returns:
        JSON-able, balanced accuracies: `generated_to_real`, the classification accuracy score;
        `real_to_generated`; `real_to_real`, the optimum of the first; `generated_images`,
        `real_train_images`, `real_test_images`.

    Raises:
        ValueError: if there are fewer than two samples.
    """
    if len(generated) < MIN_SAMPLES:
        raise ValueError(f"training needs at least {MIN_SAMPLES} samples, got {len(generated)}")
    _, _, real, real_indices = train_and_val(shards)
    all_indices, size = np.arange(len(generated)), config.batch_size
    network = untrained_classifier(shards, config, shards.num_classes).to(device)
    with torch.inference_mode(mode=False), torch.enable_grad():
        fit(network, generated, all_indices, config, device)
    return {
        "generated_to_real": accuracy(network, real, real_indices, size, device).balanced,
        "real_to_generated": accuracy(
            trained_on_real.network, generated, all_indices, size, device
        ).balanced,
        "real_to_real": trained_on_real.facts["val_balanced_accuracy"],
        "generated_images": len(generated),
        "real_train_images": trained_on_real.facts["train_images"],
        "real_test_images": len(real_indices),
    }
