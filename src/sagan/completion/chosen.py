"""Images and class that a configuration of completion names: files, or validation images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.pixels import with_channels
from sagan.completion.config import CompletionConfig
from sagan.completion.inputs import MaskedImage, mask_of, read_images, require_known_mask
from sagan.completion.masks import ALPHA
from sagan.data.shards.store import ShardSplit, ShardStore
from sagan.sampling.grids import choose_classes
from sagan.sampling.requests import parse_classes

_PREPARED = ("resizer", "fit", "pad_colour", "white_level")  # of an index, where not the default


def prepare(
    bundle: GeneratorBundle, shards: ShardStore, config: CompletionConfig
) -> tuple[list[MaskedImage], int | None]:
    """The images that a configuration names, all read and checked, and the label of their class.

    Args:
        bundle: whose size, channels and classes they get.
        shards: whose validation images are taken where the configuration names no others.
        config: of images, mask and class.

    Raises:
        FileNotFoundError: if an image is not there.
        ValueError: if one cannot be used, a mask does not fit, or the class is unknown.
    """
    label = class_label(config.class_name, bundle)
    options: dict[str, Any] = {"channels": bundle.image_channels, "seed": config.seed}
    if config.images is not None:
        paths, size = [Path(config.images)], bundle.image_size
        options |= {"size": size, "prepared": preparation(shards)}
        return read_images(paths, config.mask, **options), label
    if "val" not in shards.splits or shards.image_size != bundle.image_size:
        has = "no validation images" if "val" not in shards.splits else f"{shards.image_size} px"
        raise ValueError(
            f"the shards have {has}, and the generator makes {bundle.image_size} px; name an image "
            "or a folder by completion.images"
        )
    val, count = shards.split("val"), config.num_images
    return of_split(val, shards.class_names, config.mask, count=count, **options), label


def preparation(shards: ShardStore) -> dict[str, Any]:
    """How images become like those of shards, as `read_images` takes it."""
    return {name: shards.index[name] for name in _PREPARED if name in shards.index}


def class_label(name: str | None, bundle: GeneratorBundle) -> int | None:
    """Label of one class by its name, title or number; None: unknown.

    Raises:
        ValueError: if the bundle has no such class, or several are named.
    """
    if name is None:
        return None
    label, *more = parse_classes(name, bundle.class_names, bundle.class_titles, option="class")
    if more:
        raise ValueError(f"class '{name}': expected one class")
    return label


def of_split(
    images: ShardSplit,
    class_names: Sequence[str],
    mask: str,
    *,
    count: int,
    channels: int,
    seed: int,
) -> list[MaskedImage]:
    """At most `count` images of a split, of evenly chosen classes, the first ones of each.

    Args:
        images: of the generator's size.
        class_names: of the split's labels, by which results are named.
        mask: as `read_images` takes it; a mask image has the generator's size.
        count: of images.
        channels: C.
        seed: of the mask `random`.

    Raises:
        ValueError: if the split is empty, or the mask does not fit.
    """
    require_known_mask(mask)
    if mask == ALPHA:
        raise ValueError("mask 'alpha': images of the shards have no transparency")
    classes = choose_classes(len(class_names), count)
    each = -(-count // len(classes))
    chosen = [place for k in classes for place in np.flatnonzero(images.labels == k)[:each]][:count]
    if not chosen:
        raise ValueError(
            "the shards have no validation images; name an image or a folder by completion.images"
        )
    pixels = with_channels(images.read(np.array(chosen)), channels).numpy()
    found = []
    for place, one in zip(chosen, pixels, strict=True):
        name = f"{class_names[images.labels[place]]}/{place:05d}"
        rgb = np.broadcast_to(one, (3, *one.shape[1:])).transpose(1, 2, 0)
        hidden = mask_of(mask, rgb, one.shape[1:], f"image {name}", seed)
        found.append(MaskedImage(name, np.ascontiguousarray(one), hidden, whole=True))
    return found
