"""Class labels of the evaluation, and the check that generator and shards have the same classes."""

import torch
from torch import Tensor

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.data.shards.store import ShardStore


def evaluation_labels(num_samples: int, num_classes: int) -> Tensor:
    """Evenly distributed class labels: int64 [N], 0, 1, ..., K-1, 0, 1, ..."""
    return torch.arange(num_samples) % num_classes


def check_generator(bundle: GeneratorBundle, shards: ShardStore) -> None:
    """Check that a generator has the shards' image size and classes.

    Raises:
        ValueError: if they differ.
    """
    if bundle.image_size != shards.image_size:
        raise ValueError(
            f"the generator makes images of {bundle.image_size} px, the shards hold "
            f"{shards.image_size} px: compare at one size"
        )
    if bundle.class_names != shards.class_names:
        differing = sorted(set(bundle.class_names) ^ set(shards.class_names))
        raise ValueError(
            f"the generator has {bundle.num_classes} classes, the shards {shards.num_classes}; "
            f"{len(differing)} are in one only: {', '.join(differing[:5])}; a label would mean "
            "another class"
        )
