"""The fixed latents and real images that the collapse watch looks at: the same all run."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sagan.training.core.inputs import Stream, draw_latents_and_labels

if TYPE_CHECKING:
    from sagan.data.shards.store import ShardSplit, ShardStore
    from sagan.training.config import TrainingConfig

_REFERENCE_IMAGES = 64  # real images of a group that its distance is taken over, at most


@dataclass(frozen=True)
class FixedBatch:
    """N latents, as many real images (fewer where a class has few), both group by group.

    A group is a class; where the generator knows no classes, all images are group 0.
    """

    latents: Tensor
    """float32 [N, Z]."""
    class_labels: Tensor
    """int64 [N]; of the latents."""
    groups: Tensor
    """int64 [N]; of the latents."""
    real_images: Tensor
    """uint8 [M, 3, H, W]."""
    real_labels: Tensor
    """int64 [M]."""
    real_distances: dict[int, float]
    """Group -> mean distance between two of its real images, grey levels; none that is 0."""

    def to(self, device: torch.device) -> "FixedBatch":
        """The same on a device."""
        return FixedBatch(
            self.latents.to(device),
            self.class_labels.to(device),
            self.groups.to(device),
            self.real_images.to(device),
            self.real_labels.to(device),
            self.real_distances,
        )


def choose_fixed_batch(config: "TrainingConfig", shards: "ShardStore") -> FixedBatch:
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
    distances = {group: _distance(split, indices) for group, indices in members.items()}
    return FixedBatch(
        latents,
        class_labels=groups,  # without classes the networks take no notice of the label
        groups=groups,
        real_images=split.read(chosen),
        real_labels=torch.from_numpy(split.labels[chosen].astype(np.int64)),
        real_distances={group: distance for group, distance in distances.items() if distance > 0},
    )


def mean_pairwise_distance(images: Tensor) -> float:
    """Mean Euclidean distance between all pairs of images.

    Args:
        images: uint8 [N, ...], N >= 2.

    Returns:
        in grey levels, 0 .. 255 * sqrt(values an image).
    """
    return torch.pdist(images.flatten(1).float()).mean().item()


def _members_by_class(labels: NDArray[np.int64], at_most: int) -> dict[int, NDArray[np.int64]]:
    """Indices of each chosen class's images; classes with a pair of images are preferred."""
    counts = np.bincount(labels)
    eligible = np.flatnonzero(counts >= 2)
    classes = _evenly(eligible if eligible.size else np.flatnonzero(counts), at_most)
    return {int(label): np.flatnonzero(labels == label) for label in classes}


def _evenly(values: NDArray[np.int64], at_most: int) -> NDArray[np.int64]:
    """At most so many of the values, evenly spaced from the first to the last."""
    places = np.linspace(0, len(values) - 1, min(len(values), at_most))
    return values[places.round().astype(np.int64)]


def _distance(split: "ShardSplit", indices: NDArray[np.int64]) -> float:
    """`mean_pairwise_distance` of some of these real images; 0 for a single one."""
    if len(indices) < 2:
        return 0.0
    return mean_pairwise_distance(split.read(_evenly(indices, _REFERENCE_IMAGES)))
