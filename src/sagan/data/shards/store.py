"""Shard stores: uint8 images that training reads by memory map, without decoding.

A store is a folder named by its content key:

    index.json                  written last: a folder without it is not a store
    <split>-labels.npy          int64 [n]
    <split>-00000.npy, ...      uint8 [images, H, W, C]

The index holds sizes and checksums of all files and everything the key is made of.
"""

import json
import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sagan.common.files import file_sha256, json_sha256
from sagan.common.naming import short_names
from sagan.data.parallel import ordered_map
from sagan.data.shards.checksum_cache import ChecksumCache
from sagan.data.validation_status import SAME_PARAMETERS

if TYPE_CHECKING:
    from torch import Tensor

FORMAT_VERSION = 1
INDEX = "index.json"
_FILE_NAME = re.compile(r"\w+-\w+\.npy")
# what the key is a hash of; the second line's are there only where they are not the default
_MADE_OF = (
    *("data_hash", "image_size", "resizer", "versions"),
    *("orientation", "white_level", "fit", "pad_colour", "channels"),
)
REMEDY = f"run preprocessing again: kedro run --pipelines=preprocessing {SAME_PARAMETERS}"


class ArrayFile(NamedTuple):
    """One .npy file of a store, as the index records it."""

    file: str
    images: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ShardSplit:
    """The images and labels of one split."""

    folder: Path
    shards: tuple[ArrayFile, ...]
    labels: NDArray[np.int64]
    """int64 [n]; a label is an index into the store's class names."""

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, indices: NDArray[np.int64]) -> "Tensor":
        """Copy some images out of the memory maps.

        Args:
            indices: int64 [B], each 0 .. len - 1, in any order.

        Returns:
            uint8 [B, C, H, W] with channels_last strides.

        Raises:
            IndexError: if an index is out of range.
        """
        import torch

        indices = np.asarray(indices, dtype=np.int64)
        if indices.size and not (indices.min() >= 0 and indices.max() < len(self)):
            raise IndexError(
                f"image indices {indices.min()} .. {indices.max()} asked for; "
                f"the split has {len(self)} images"
            )
        owners = np.searchsorted(self._ends, indices, side="right")
        places = indices - self._starts[owners]
        # views, one an image: with many shards a batch seldom has two images of the same one
        rows = [
            self._maps[shard][place]
            for shard, place in zip(owners.tolist(), places.tolist(), strict=True)
        ]
        images = np.array(rows, dtype=np.uint8).reshape(len(rows), *self._maps[0].shape[1:])
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        """Where each shard ends, int64 [shards]: index of its last image + 1."""
        return np.cumsum([shard.images for shard in self.shards])

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """Where each shard begins, int64 [shards]."""
        return self._ends - np.array([shard.images for shard in self.shards], dtype=np.int64)

    @cached_property
    def _maps(self) -> list[NDArray[np.uint8]]:
        """The mapped shards, uint8 [images, H, W, C] each."""
        return [_mapped(self.folder / shard.file) for shard in self.shards]


@dataclass(frozen=True)
class ShardStore:
    """A complete, verified store; created by `open`."""

    path: Path
    index: dict[str, Any]

    @classmethod
    def open(cls, path: Path, *, verify_checksums: bool = True, use_cache: bool = True) -> Self:
        """Read the index and check every file against it.

        Args:
            path: the store's folder.
            verify_checksums: also hash the files; sizes are always compared.
            use_cache: skip files that look as when their checksum was last right.

        Raises:
            FileNotFoundError: if the folder or its index is missing.
            ValueError: if the index or a file is not what was written; names the file.
        """
        store = cls(path=path, index=read_index(path))
        files = store.files()
        damaged = [text for file in files if (text := _size_problem(path, file))]
        if not damaged and verify_checksums:
            damaged = _changed(path, files, ChecksumCache(path, store.index["checksum"]), use_cache)
        if damaged:
            more = f"; {len(damaged)} files in all" if len(damaged) > 5 else ""
            raise ValueError(f"shard store '{path}': {'; '.join(damaged[:5])}{more}; {REMEDY}")
        return store

    @property
    def key(self) -> str:
        """Content key: hash of data, image size, resizer and library versions."""
        return str(self.index["key"])

    @property
    def image_size(self) -> int:
        """Side of the square images, pixels."""
        return int(self.index["image_size"])

    @property
    def image_channels(self) -> int:
        """Channels of the images, 1 or 3; 3 where an index of an earlier version has no number."""
        return int(self.index.get("channels", 3))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Sorted class names; the index of a name is its label."""
        return tuple(self.index["class_names"])

    @property
    def class_titles(self) -> dict[str, str]:
        """Titles of classes, as far as they are known."""
        return dict(self.index.get("class_titles", {}))

    @property
    def shown_names(self) -> tuple[str, ...]:
        """Short titles of the classes, for pictures: `goldfish`, not `n01443537`."""
        return short_names(self.class_names, self.class_titles)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def data_hash(self) -> str:
        """Hash of the validated images that the store was made of."""
        return str(self.index["data_hash"])

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, training first."""
        return tuple(self.index["splits"])

    def split(self, name: str) -> ShardSplit:
        """One split by name.

        Raises:
            ValueError: if the store has no such split.
        """
        if name not in self.splits:
            raise ValueError(
                f"shard store '{self.path}' has no split '{name}'; it has {', '.join(self.splits)}"
            )
        labels_file, *shards = self._files(name)
        labels = np.load(self.path / labels_file.file, allow_pickle=False)
        return ShardSplit(folder=self.path, shards=tuple(shards), labels=labels)

    def files(self) -> list[ArrayFile]:
        """Every file of the store but its index."""
        return [file for split in self.splits for file in self._files(split)]

    def facts(self) -> dict[str, Any]:
        """Key, what the key is made of, and counts."""
        made_of = [name for name in _MADE_OF if name in self.index]
        counts = {split: self._files(split)[0].images for split in self.splits}
        stored = sum(file.bytes for file in self.files())
        facts = {name: self.index[name] for name in ("key", *made_of, "class_names")}
        return facts | {"images": counts, "bytes": stored}

    def _files(self, split: str) -> list[ArrayFile]:
        """The labels' file, then the shards in order."""
        entry = self.index["splits"][split]
        return [ArrayFile(**entry["labels"]), *(ArrayFile(**shard) for shard in entry["shards"])]


def content_key(facts: dict[str, Any]) -> str:
    """Key of a store: hash of everything that determines its pixels, 16 hexadecimal digits."""
    made_of = {name: facts[name] for name in _MADE_OF if name in facts}
    return json_sha256(made_of | {"format": FORMAT_VERSION})[:16]


def read_index(path: Path) -> dict[str, Any]:
    """The verified index of a store.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it was changed.
    """
    if not (path / INDEX).is_file():
        inside = stores_in(path)
        remedy = f"is '{inside[0]}' meant?" if inside else REMEDY
        raise FileNotFoundError(f"'{path}' is not a complete shard store: no {INDEX}; {remedy}")
    return parse_index((path / INDEX).read_text(encoding="utf-8", errors="replace"), str(path))


def stores_in(path: Path) -> list[Path]:
    """The stores in a folder of several, each in a folder named by its key; the newest first."""
    found = [index for index in path.glob(f"*/{INDEX}") if index.is_file()]
    return [i.parent for i in sorted(found, key=lambda i: i.stat().st_mtime, reverse=True)]


def parse_index(text: str, store: str) -> dict[str, Any]:
    """Parse and verify an index; `store` is for the message."""
    try:
        index: dict[str, Any] = json.loads(text)
        sound = index["key"] == content_key(index) and index["checksum"] == index_checksum(index)
        files = [f for s in index["splits"].values() for f in (s["labels"], *s["shards"])]
        # of another machine: a name must not lead out of the store's folder
        sound = sound and all(_FILE_NAME.fullmatch(file["file"]) for file in files)
    except (ValueError, KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise ValueError(f"shard store '{store}': {INDEX} is damaged or was changed; {REMEDY}")
    return index


def index_checksum(index: dict[str, Any]) -> str:
    """Hash of everything in an index but this hash itself."""
    return json_sha256({name: value for name, value in index.items() if name != "checksum"})


def _changed(
    folder: Path, files: list[ArrayFile], cache: ChecksumCache, use_cache: bool
) -> list[str]:
    """Faults of the files by their checksums; files that the cache holds are not hashed."""
    unverified = [file for file in files if not (use_cache and cache.holds(file.file))]
    sums = list(ordered_map(lambda file: file_sha256(folder / file.file), unverified, workers=0))
    cache.add(f.file for f, found in zip(unverified, sums, strict=True) if found == f.sha256)
    return [
        f"{file.file} was changed after it was written (checksum mismatch)"
        for file, found in zip(unverified, sums, strict=True)
        if found != file.sha256
    ]


def _mapped(path: Path) -> NDArray[np.uint8]:
    """A shard as a memory map that keeps no file open: a store may have thousands of shards."""
    import torch

    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, _ = np.lib.format.read_array_header_1_0(file)
        start = file.tell()
    count = math.prod(shape)
    # a private map of the file: nothing written to the array would reach it
    whole = torch.from_file(str(path), shared=False, size=start + count, dtype=torch.uint8)
    array: NDArray[np.uint8] = whole.numpy()[start:].reshape(shape)
    array.flags.writeable = False
    return array


def _size_problem(folder: Path, file: ArrayFile) -> str | None:
    path = folder / file.file
    if not path.is_file():
        return f"{file.file} is missing"
    found = path.stat().st_size
    if found != file.bytes:
        return f"{file.file} has {found:,} bytes, expected {file.bytes:,}"
    return None
