"""Images to compare, from wherever they are: shards, a folder, an `.npz`."""

import hashlib
import logging
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sagan.common.files import file_sha256, json_sha256
from sagan.common.naming import folder_name
from sagan.common.pixels import with_channels
from sagan.common.text import visible
from sagan.data.decoding import decode_rgb
from sagan.data.folder_names import file_names, first_five, folder_names, warn_ignored
from sagan.data.parallel import ordered_map
from sagan.data.shards.store import INDEX, ShardStore, stores_in
from sagan.metrics.features.statistics import Statistics

logger = logging.getLogger(__name__)

Labels = np.ndarray
OTHERS = "arr_0"  # how other projects name the images of their samples, uint8 [N, H, W, C]
# names of images and labels, and whether channels come first
_LAYOUTS = (("images", "class_labels", True), (OTHERS, "arr_1", False), ("x", "y", True))


@dataclass(frozen=True)
class ImageSet:
    """Images in a fixed order, with their class labels as far as these are known."""

    path: Path
    """Where they are."""
    count: int
    origin: dict[str, Any]
    """JSON-able: what they are."""
    read: Callable[[int], Iterator[Tensor]]
    """At most so many at once: uint8 [n, C, H, W], all of one size within a batch."""
    labels: Labels | None = None
    """int64 [count]."""
    class_names: tuple[str, ...] | None = None
    """Name of each label; None: labels are numbers, or unknown."""
    store: ShardStore | None = None
    """The shard store that they are a split of."""
    statistics: Statistics | None = None
    """Of a file that has no images, but mean and covariance of Inception's features of them."""
    one_size: bool = True
    """Whether all images are known to have the size of the first."""

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Height and width of the images, of each batch; reads as few as tell them all."""
        for batch in islice(self.read(1 if self.one_size else 256), 1 if self.one_size else None):
            yield batch.shape[-2], batch.shape[-1]

    def read_as(self, channels: int, batch_size: int) -> Iterator[Tensor]:
        """`read`, with so many channels, 1 or 3; a warning at the end where colours were lost."""
        lost = False
        for images in self.read(batch_size):
            made = with_channels(images, channels)
            lost = lost or not torch.equal(with_channels(made, images.shape[1]), images)
            yield made
        if lost:
            logger.warning(
                "'%s' has images in colour, compared in grey: the others have one channel",
                self.path,
            )

    def labels_among(self, class_names: Sequence[str]) -> Labels | None:
        """Labels as indices of these classes; None if they are unknown, or a class is another.

        A class is found by its name or by its folder's name. Of one class, all images are of it.
        """
        if self.labels is None and len(class_names) == 1:
            return np.zeros(self.count, dtype=np.int64)
        if self.labels is None or self.class_names is None:
            return self.labels
        places = {folder_name(name): label for label, name in enumerate(class_names)}
        places |= {name: label for label, name in enumerate(class_names)}
        found = [places.get(name) for name in self.class_names]
        return None if None in found else np.array(found, dtype=np.int64)[self.labels]


def open_images(path: Path, split: str) -> ImageSet:
    """The images of a shard store, a folder, or an `.npz`.

    Args:
        path: the store's folder; a folder of images, or of a folder of images for each class; or an
            `.npz` with `images` uint8 [N, C, H, W] and `class_labels`, with `arr_0` uint8
            [N, H, W, C] and perhaps labels `arr_1`, or with pytorch-fid's `mu` and `sigma`.
        split: of a shard store.

    Raises:
        FileNotFoundError: if nothing is there, or no image.
        ValueError: if it holds anything else; nothing in it is run.
    """
    if not path.is_dir():
        return _of_arrays(path)
    if (path / INDEX).is_file():
        return _of_shards(ShardStore.open(path), split)
    return _of_folder(path)


@dataclass(frozen=True)
class LoadedImages:
    """All images of a set in memory, once they are needed: a network may be trained on them."""

    source: ImageSet
    splits: tuple[str, ...] = ("train",)

    @cached_property
    def images(self) -> Tensor:
        """uint8 [N, C, S, S].

        Raises:
            ValueError: if they are not squares of one size.
        """
        batches = list(self.source.read(1024))
        sizes = {(batch.shape[2], batch.shape[3]) for batch in batches}
        if len(sizes) > 1 or len(set(*sizes)) > 1:
            raise ValueError(
                f"features are learnt from squares of one size, but '{self.path}' has images of "
                f"{describe_sizes(sizes)}; make shards of them (sagan data), or use Inception's "
                "features, which take any size"
            )
        return torch.cat(batches)

    @cached_property
    def labels(self) -> Labels:
        """int64 [N]; all 0 where they are unknown."""
        found = self.source.labels
        return np.zeros(self.source.count, dtype=np.int64) if found is None else found

    @property
    def path(self) -> Path:
        """Where they come from."""
        return self.source.path

    @cached_property
    def key(self) -> str:
        """Hash of images and labels."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images.numpy()).data)
        digest.update(self.labels.tobytes())
        return digest.hexdigest()[:16]

    @property
    def image_size(self) -> int:
        """Side of the images, pixels."""
        return self.images.shape[-1]

    @property
    def image_channels(self) -> int:
        """Channels of the images, 1 or 3."""
        return self.images.shape[1]

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.source.class_names or ()) or int(self.labels.max()) + 1

    def split(self, name: str) -> Self:  # noqa: ARG002 - the only one
        """The images themselves."""
        return self

    def read(self, indices: np.ndarray) -> Tensor:
        """int64 [B] -> uint8 [B, C, S, S]."""
        return self.images[torch.from_numpy(indices)]


def describe_sizes(sizes: Collection[tuple[int, int]]) -> str:
    """Sizes (height, width) in words: the only one, or how many and the extremes."""
    ordered = [f"{width}x{height}" for height, width in sorted(sizes, key=math.prod)]
    if len(ordered) == 1:
        return f"{ordered[0]} px"
    return f"{len(ordered)} sizes from {ordered[0]} to {ordered[-1]} px"


def _of_shards(store: ShardStore, split: str) -> ImageSet:
    """A split of a shard store."""
    images = store.split(split)

    def read(batch_size: int) -> Iterator[Tensor]:
        for start in range(0, len(images), batch_size):
            yield images.read(np.arange(start, min(start + batch_size, len(images))))

    origin = {"shards_key": store.key, "data_hash": store.data_hash, "split": split}
    known = (images.labels, store.class_names, store)
    return ImageSet(store.path, len(images), origin, read, *known)


def _of_arrays(path: Path) -> ImageSet:
    arrays = _load_arrays(path)
    origin = {"file": path.name, "file_sha256": file_sha256(path)}
    layout = next((names for names in _LAYOUTS if names[0] in arrays), None)
    if layout is None:
        known = Statistics.of_pytorch_fid(arrays, path)
        return ImageSet(path, 0, origin, partial(_without_images, path), statistics=known)
    first, second, channels_first = layout
    images, labels = arrays[first], arrays.get(second)
    shape, wanted = images.shape, "[N, C, H, W]" if channels_first else "[N, H, W, C]"
    sound = images.dtype == np.uint8 and images.ndim == 4 and 0 not in shape
    if not sound or shape[1 if channels_first else 3] not in {1, 3}:
        raise ValueError(
            f"{path}: expected {first} uint8 {wanted} with C of 1 or 3, got {images.dtype} "
            f"{[*images.shape]}"
        )
    if not channels_first:
        images = images.transpose(0, 3, 1, 2)
    if labels is not None:
        if labels.dtype.kind not in "iu" or labels.shape != shape[:1]:
            raise ValueError(
                f"{path}: expected integer {second} [{len(images)}], the class labels, got "
                f"{labels.dtype} {[*labels.shape]}"
            )
        if labels.min() < 0:
            raise ValueError(f"{path}: {second} are numbers from 0, got {labels.min()}")

    def read(batch_size: int) -> Iterator[Tensor]:
        for start in range(0, len(images), batch_size):
            yield torch.from_numpy(images[start : start + batch_size])

    numbers = None if labels is None else labels.astype(np.int64)
    return ImageSet(path, len(images), origin, read, numbers)


def _without_images(path: Path, _batch_size: int) -> Iterator[Tensor]:
    raise ValueError(
        f"'{path}' has statistics of Inception's features and no images, which is enough for FID "
        "only: use --features inception, or give the images"
    )


def _load_arrays(path: Path) -> dict[str, np.ndarray]:
    wanted = {name for images, labels, _ in _LAYOUTS for name in (images, labels)}
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files if name in wanted | {"mu", "sigma"}}
            if "images" in found:
                _ = file["class_labels"]
            elif not found.keys() & {OTHERS, "x"} and not {"mu", "sigma"} <= found.keys():
                raise KeyError(f"it has {', '.join(file.files[:5])}")
            return found
    except (BadZipFile, EOFError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is not a file of samples: {error}; expected an .npz with images and "
            f"class_labels, with {OTHERS} and perhaps arr_1, or with pytorch-fid's mu and sigma"
        ) from error


def _of_folder(path: Path) -> ImageSet:
    names, loose = sorted(folder_names(path)), sorted(file_names(path))
    files = [f"{name}/{file}" for name in names for file in sorted(file_names(path / name))]
    if loose and files:
        raise ValueError(
            f"'{path}' has images ({first_five(loose)}) beside folders of images "
            f"({first_five(names)}): which are meant? Move one of both elsewhere"
        )
    if not loose and not files:
        inside = [path / name for name in names if folder_names(path / name)]
        inside = [*stores_in(path), *inside]
        raise FileNotFoundError(
            f"no generator bundle, shard store or images in '{path}'"
            + (f"; is '{inside[0]}' meant?" if inside else "")
        )
    warn_ignored(path, {"": [] if loose else names})
    kept = loose or files
    origin = {"folder": path.name, "file_names_sha256": json_sha256(kept)}
    read = partial(_read_files, path, kept)
    if loose:
        return ImageSet(path, len(loose), origin, read, one_size=False)
    owners = [file.partition("/")[0] for file in files]
    classes, labels = np.unique(owners, return_inverse=True)
    known = (labels, tuple(classes.tolist()))
    return ImageSet(path, len(files), origin, read, *known, one_size=False)


def _read_files(root: Path, files: list[str], batch_size: int) -> Iterator[Tensor]:
    """Images one after the other; a batch ends where their size changes."""
    images = ordered_map(partial(_read_image, root), files, workers=0)
    for _, same in groupby(images, key=lambda image: image.shape):
        while batch := list(islice(same, batch_size)):
            yield torch.stack(batch)


def _read_image(root: Path, name: str) -> Tensor:
    try:
        return decode_rgb((root / name).read_bytes(), upright=True)
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        raise ValueError(visible(f"'{root / name}' cannot be decoded: {error}")) from error
