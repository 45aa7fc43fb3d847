"""Training of a small classification network, and its accuracy."""

import logging
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sagan.common.pixels import to_float
from sagan.common.progress import progress_bar
from sagan.metrics.config import ClassifierConfig

logger = logging.getLogger(__name__)

HELD_OUT = 10  # without a validation split, every tenth training image is held out


class LabelledImages(Protocol):
    """Images by index, as a shard's split gives them."""

    @property
    def labels(self) -> np.ndarray:
        """int64 [n]."""

    def read(self, indices: np.ndarray) -> Tensor:
        """int64 [B] -> uint8 [B, C, H, W]."""


class TrainingImages(Protocol):
    """Images that a network is trained on, as a shard store has them."""

    @property
    def path(self) -> Path:
        """Where they are, for messages."""

    @property
    def key(self) -> str:
        """Hash of what determines their pixels and labels."""

    @property
    def image_size(self) -> int:
        """Side of the images, pixels."""

    @property
    def image_channels(self) -> int:
        """Channels of the images, 1 or 3."""

    @property
    def num_classes(self) -> int:
        """Number of classes."""

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""

    def split(self, name: str) -> LabelledImages:
        """The images of one of them."""


class Accuracy(NamedTuple):
    """How many images a network classifies correctly, 0..1; 0 without images."""

    share: float
    """Of all images."""
    balanced: float
    """Mean over the classes of the share within a class; by chance 1 / K."""
    largest_class: float
    """Share of the most common class: what a network that always says it reaches."""


def fit(
    network: nn.Module,
    images: LabelledImages,
    indices: np.ndarray,
    config: ClassifierConfig,
    device: torch.device,
) -> None:
    """Train on the images at `indices`, in place; leaves the network in evaluation mode."""
    order = np.random.default_rng(config.seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    steps = config.epochs * -(-len(indices) // config.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.learning_rate, steps)
    labels = torch.from_numpy(images.labels)
    network.train()
    logger.info("training the classifier: %s images, %d epochs", f"{len(indices):,}", config.epochs)
    shown = config.epochs * len(indices)
    with progress_bar("training the classifier", shown, leave=False) as bar:
        for _ in range(config.epochs):
            shuffled = order.permutation(indices)
            for start in range(0, len(shuffled), config.batch_size):
                batch = shuffled[start : start + config.batch_size]
                x = to_float(images.read(batch).to(device))
                loss = F.cross_entropy(network(x), labels[batch].to(device))
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
                bar.update(len(batch))
    network.eval()


@torch.inference_mode()
def accuracy(
    network: nn.Module,
    images: LabelledImages,
    indices: np.ndarray,
    batch_size: int,
    device: torch.device,
) -> Accuracy:
    """Accuracy on the images at `indices`."""
    labels = images.labels[indices]
    correct = np.zeros(len(indices))
    for start in range(0, len(indices), batch_size):
        batch = indices[start : start + batch_size]
        predicted = network(to_float(images.read(batch).to(device))).argmax(dim=1).cpu().numpy()
        correct[start : start + batch_size] = predicted == images.labels[batch]
    return accuracy_of(correct, labels)


def accuracy_of(correct: np.ndarray, labels: np.ndarray) -> Accuracy:
    """Accuracy of predictions: whether each is correct [N], and the true labels int64 [N]."""
    if len(labels) == 0:
        return Accuracy(0.0, 0.0, 0.0)
    counts, hits = np.bincount(labels), np.bincount(labels, weights=correct)
    known = counts > 0
    balanced = float((hits[known] / counts[known]).mean())
    return Accuracy(float(correct.mean()), balanced, float(counts.max() / len(labels)))


def train_and_val(
    shards: TrainingImages,
) -> tuple[LabelledImages, np.ndarray, LabelledImages, np.ndarray]:
    """Splits and image indices of training and validation.

    Raises:
        ValueError: if the shards have no train split.
    """
    if "train" not in shards.splits:
        raise ValueError(f"the classifier needs a train split; {shards.path} has {shards.splits}")
    train = shards.split("train")
    indices = np.arange(len(train.labels))
    if "val" in shards.splits:
        val = shards.split("val")
        return train, indices, val, np.arange(len(val.labels))
    held_out = indices % HELD_OUT == HELD_OUT - 1
    return train, indices[~held_out], train, indices[held_out]
