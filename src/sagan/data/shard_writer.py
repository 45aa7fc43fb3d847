"""Station 3, preprocessing: images become shards, each file whole or absent.

The bytes do not depend on the number of workers. A store whose key is already there and sound is
reused; a damaged or half-written one is made again.
"""

import hashlib
import io
import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from sagan.data.config import PreprocessingConfig
from sagan.data.decoding import RULE_VERSION, decode_rgb, square_resize
from sagan.data.image_folder import SPLITS
from sagan.data.manifest import ImageRecord, hash_records
from sagan.data.parallel import ordered_map
from sagan.data.shards import (
    FORMAT_VERSION,
    INDEX,
    ArrayFile,
    ShardStore,
    content_key,
    index_checksum,
)
from sagan.files import replacing_file

logger = logging.getLogger(__name__)

# libraries whose version may change a pixel
LIBRARIES = ("pillow", "torch", "torchvision")


def build_shards(
    root: Path, images: Sequence[ImageRecord], workspace: Path, config: PreprocessingConfig
) -> ShardStore:
    """Make the shard store of these images, or find it made.

    Args:
        root: the image folder.
        images: the validated images; they are stored sorted by path.
        workspace: stores lie here, each in a folder named by its key.
        config: size, resizer, images a shard, workers.

    Raises:
        ValueError: if there is no training image, or an image is not the one that was validated.
        OSError: if the disk is full, now or foreseeably; says needed and free bytes.
    """
    images = sorted(images)
    by_split = {name: [image for image in images if image.split == name] for name in SPLITS}
    if not by_split["train"]:
        raise ValueError(f"no training image in the manifest ({len(images)} rows); expected some")
    facts = _facts(images, config)
    folder = workspace / facts["key"]
    existing = _existing(folder)
    if existing is not None:
        logger.info("shards are up to date: %s", folder)
        return existing
    check_free_space(workspace, len(images), config.image_size)
    _clear(folder)
    with _one_torch_thread_each():
        facts["splits"] = {
            split: _write_split(
                folder / split,
                _labels(chosen, facts["class_names"]),
                _squares(root, split, chosen, config),
                config,
            )
            for split, chosen in by_split.items()
            if chosen
        }
    facts["checksum"] = index_checksum(facts)
    with replacing_file(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    return ShardStore.open(folder, verify_checksums=False)


def check_free_space(workspace: Path, count: int, image_size: int) -> None:
    """Say what the shards will take, and refuse when the disk has not that much.

    Raises:
        OSError: with needed and free bytes.
    """
    needed = count * (3 * image_size**2 + 8)
    workspace.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(workspace).free
    logger.info(
        "%s images at %d px take %sB; %sB are free",
        f"{count:,}",
        image_size,
        tqdm.format_sizeof(needed),
        tqdm.format_sizeof(free),
    )
    if needed > free:
        raise OSError(
            f"not enough room for the shards in '{workspace}': {needed:,} bytes needed, "
            f"{free:,} free; make room, or choose a smaller preprocessing.image_size"
        )


def load_square(
    root: Path, image_size: int, resizer: str, record: ImageRecord
) -> NDArray[np.uint8]:
    """Read, verify, decode and resize one image.

    Returns:
        uint8 [image_size, image_size, 3], contiguous.

    Raises:
        ValueError: if the file is gone or is not the one that was validated; names it.
    """
    again = "validate again: kedro run --pipelines=data_validation"
    try:
        data = (root / record.path).read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"'{root / record.path}' was removed after validation; {again}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != record.sha256:
        raise ValueError(
            f"'{root / record.path}' was changed after validation: sha256 {found[:12]}..., "
            f"expected {record.sha256[:12]}...; {again}"
        )
    try:
        square = square_resize(decode_rgb(data), image_size, resizer)
    except (OSError, SyntaxError, ValueError, RuntimeError) as error:
        raise ValueError(f"'{root / record.path}' cannot be decoded: {error}; {again}") from error
    return square.permute(1, 2, 0).contiguous().numpy()


def _facts(images: Sequence[ImageRecord], config: PreprocessingConfig) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "data_hash": hash_records(images),
        "image_size": config.image_size,
        "resizer": config.resizer,
        "versions": {name: version(name) for name in LIBRARIES} | {"rule": str(RULE_VERSION)},
        "class_names": sorted({image.class_name for image in images}),
    }
    return facts | {"key": content_key(facts)}


def _existing(folder: Path) -> ShardStore | None:
    if not folder.exists():
        return None
    try:
        return ShardStore.open(folder)
    except (FileNotFoundError, ValueError) as error:
        logger.warning("making the shards again: %s", error)
        return None


def _clear(folder: Path) -> None:
    """Take the index away first, so that the folder is no store until the new index is there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / INDEX).unlink(missing_ok=True)
    for pattern in ("*.npy", ".*.saving"):
        for left in folder.glob(pattern):
            left.unlink()


@contextmanager
def _one_torch_thread_each() -> Iterator[None]:
    """Let our threads share the cores, instead of each one starting a thread team of its own."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _labels(images: list[ImageRecord], class_names: list[str]) -> NDArray[np.int64]:
    label = {name: index for index, name in enumerate(class_names)}
    return np.array([label[image.class_name] for image in images], dtype=np.int64)


def _squares(
    root: Path, split: str, images: list[ImageRecord], config: PreprocessingConfig
) -> Iterator[NDArray[np.uint8]]:
    """The resized images in order, uint8 [H, W, 3] each, with a progress bar."""
    load = partial(load_square, root, config.image_size, config.resizer)
    squares = ordered_map(load, images, config.workers)
    # disable=None: no bar where nobody watches
    yield from tqdm(
        squares, total=len(images), desc=f"resizing {split}", unit=" images", disable=None
    )


def _write_split(
    stem: Path,
    labels: NDArray[np.int64],
    squares: Iterator[NDArray[np.uint8]],
    config: PreprocessingConfig,
) -> dict[str, Any]:
    """Write one split's shards and labels; returns its entry in the index."""
    count, size, step = len(labels), config.image_size, config.shard_images
    shards = [
        _write_array(
            stem.with_name(f"{stem.name}-{number:05d}.npy"),
            (min(step, count - start), size, size, 3),
            np.uint8,
            islice(squares, step),
        )
        for number, start in enumerate(range(0, count, step))
    ]
    labels_file = _write_array(
        stem.with_name(f"{stem.name}-labels.npy"), labels.shape, np.int64, iter([labels])
    )
    return {"labels": labels_file._asdict(), "shards": [shard._asdict() for shard in shards]}


def _write_array(
    path: Path, shape: tuple[int, ...], dtype: type[np.generic], rows: Iterator[NDArray[Any]]
) -> ArrayFile:
    """Write a .npy file row by row, hashing it on the way: one row in memory, not the shard."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header,
        {"descr": np.dtype(dtype).newbyteorder("<").str, "fortran_order": False, "shape": shape},
    )
    digest = hashlib.sha256()
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        for part in chain([header.getbuffer()], (row.data for row in rows)):
            file.write(part)
            digest.update(part)
        size = file.tell()
    return ArrayFile(file=path.name, images=shape[0], bytes=size, sha256=digest.hexdigest())
