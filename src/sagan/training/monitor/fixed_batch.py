"""Fixed latents and real images of the collapse monitor, the same throughout a run."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sagan.data.shards.store import ShardSplit, ShardStore
from sagan.metrics.scores.diversity import mean_pairwise_distance
from sagan.training.config import TrainingConfig
from sagan.training.core.inputs import Stream, draw_latents_and_labels

_MAX_REFERENCE_IMAGES = 64  # real images per group whose mean distance is measured


@dataclass(frozen=True)
class FixedBatch:
    """N latents and as many real images (fewer if a class has few), sorted by group.

    A group is a class; for an unconditional generator all images are group 0.
    """

    latents: Tensor
    """float32 [N, Z]."""
    class_labels: Tensor
    """int64 [N]; of the latents."""
    groups: Tensor
    """int64 [N]; of the latents."""
    real_images: Tensor
    """uint8 [M, C, H, W]."""
    real_labels: Tensor
    """int64 [M]."""
    val_images: Tensor
    """uint8 [V, C, H, W]; of the validation split, of the same classes; V is 0 without one."""
    val_labels: Tensor
    """int64 [V]."""
    real_distances: dict[int, float]
    """Group -> mean pairwise distance of its real images, grey levels, if positive."""

    def to(self, device: torch.device) -> "FixedBatch":
        """Copy to a device."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        moved: dict[str, Any] = {name: tensor.to(device) for name, tensor in tensors.items()}
        return replace(self, **moved)


def choose_fixed_batch(config: TrainingConfig, shards: ShardStore) -> FixedBatch:
    """Choose latents as a function of the seed, and real images evenly from the train split."""
    split, watch = shards.split("train"), config.watch
    if config.model.generator.class_conditional:
        members = _members_by_class(split.labels, watch.classes)
        size = watch.images_per_class
    else:
        members, size = {0: np.arange(len(split))}, watch.classes * watch.images_per_class
    count = size * len(members)
    latents, _ = draw_latents_and_labels(
        config.seed,
        Stream.COLLAPSE_MONITOR,
        0,
        batch_size=count,
        latent_dim=config.model.generator.latent_dim,
        num_classes=shards.num_classes,
    )
    groups = torch.tensor(list(members)).repeat_interleave(size)
    chosen = np.concatenate([_evenly(indices, size) for indices in members.values()])
    val_images, val_labels = _held_out(config, shards, list(members), size)
    distances = {group: _distance(split, indices) for group, indices in members.items()}
    return FixedBatch(
        latents,
        class_labels=groups,  # unconditional networks ignore the labels
        groups=groups,
        real_images=split.read(chosen),
        real_labels=torch.from_numpy(split.labels[chosen].astype(np.int64)),
        val_images=val_images,
        val_labels=val_labels,
        real_distances={group: distance for group, distance in distances.items() if distance > 0},
    )


def _held_out(
    config: TrainingConfig, shards: ShardStore, groups: list[int], size: int
) -> tuple[Tensor, Tensor]:
    """Images and labels of the validation split, at most `size` of each group."""
    if "val" not in shards.splits:
        shape = (0, shards.image_channels, shards.image_size, shards.image_size)
        return torch.empty(shape, dtype=torch.uint8), torch.empty(0, dtype=torch.int64)
    split = shards.split("val")
    members = [np.arange(len(split))]
    if config.model.generator.class_conditional:
        members = [np.flatnonzero(split.labels == group) for group in groups]
    chosen = np.concatenate([_evenly(indices, size) for indices in members])
    return split.read(chosen), torch.from_numpy(split.labels[chosen].astype(np.int64))


def _members_by_class(labels: NDArray[np.int64], limit: int) -> dict[int, NDArray[np.int64]]:
    """Image indices of evenly chosen classes, preferably with at least two images each."""
    counts = np.bincount(labels)
    eligible = np.flatnonzero(counts >= 2)
    classes = _evenly(eligible if eligible.size else np.flatnonzero(counts), limit)
    return {int(label): np.flatnonzero(labels == label) for label in classes}


def _evenly(values: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """At most `limit` of the values, evenly spaced from the first to the last."""
    positions = np.linspace(0, len(values) - 1, min(len(values), limit))
    return values[positions.round().astype(np.int64)]


def _distance(split: ShardSplit, indices: NDArray[np.int64]) -> float:
    """Mean pairwise distance of some of these real images; 0 for a single one."""
    if len(indices) < 2:
        return 0.0
    return mean_pairwise_distance(split.read(_evenly(indices, _MAX_REFERENCE_IMAGES)).numpy())
