"""Preprocessing: the images of a folder become shard stores, each file complete or absent.

The bytes do not depend on the number of workers, nor on which other sizes the same pass makes. A
sound store of the same key is reused; the finished shards of an incomplete one are kept.
"""

import hashlib
import logging
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from sagan.common.files import disk, display_path, require_space
from sagan.common.progress import progress_bar
from sagan.common.text import visible
from sagan.data.config import PreprocessingConfig
from sagan.data.image_folder import SPLITS
from sagan.data.manifest.build import ImageRecord, hash_records
from sagan.data.parallel import ordered_map
from sagan.data.resizing import RULE_VERSION, squares
from sagan.data.shards.store import FORMAT_VERSION, REMEDY, ShardStore, content_key, index_checksum
from sagan.data.shards.writer import Shard, StoreWriter, cut_into_shards, write_index
from sagan.processes.lock import folder_lock

logger = logging.getLogger(__name__)

# libraries whose version may change a pixel
LIBRARIES = ("pillow", "torch", "torchvision")


def build_stores(
    root: Path,
    images: Sequence[ImageRecord],
    workspace: Path,
    config: PreprocessingConfig,
    class_titles: Mapping[str, str] | None = None,
) -> list[ShardStore]:
    """Make the shard stores of the validated images as far as they are not there.

    Args:
        root: The image folder.
        images: The validated images.
        workspace: Folder of the stores, each in a folder named by its key.
        config: Sizes, resizer, images per shard, workers; without an orientation, upright.
        class_titles: Titles of the classes, as far as they are known.

    Returns:
        A store for each of `config.sizes`, in their order.

    Raises:
        ValueError: if an image is not the one that was validated.
        OSError: if the disk is full, now or foreseeably.
    """
    images = sorted(images)
    if not any(image.split == "train" for image in images):
        raise ValueError(
            f"no training image in the manifest ({len(images)} rows); expected at least one"
        )
    config = config.oriented(published=False)
    titles = dict(class_titles or {})
    facts = _facts(images, config, titles)
    with folder_lock(workspace):
        stores = {f["image_size"]: _existing(workspace / f["key"], titles) for f in facts}
        missing = [f for f in facts if stores[f["image_size"]] is None]
        shards = [
            shard
            for split in SPLITS
            for shard in cut_into_shards(
                split, [image for image in images if image.split == split], config.shard_images
            )
        ]
        for made in _make(root, shards, workspace, missing, config) if missing else ():
            stores[made.image_size] = made
            logger.info("shards of %d px: %s", made.image_size, display_path(made.path))
    return [store for store in stores.values() if store is not None]


def load_resized(
    root: Path, sizes: tuple[int, ...], config: PreprocessingConfig, record: ImageRecord
) -> list[NDArray[np.uint8]]:
    """Read, verify, decode and resize one image.

    Returns:
        uint8 [size, size, channels] for each of `sizes`, contiguous.

    Raises:
        ValueError: if the file is gone or is not the one that was validated; names it.
    """
    again = "validate again: kedro run --pipelines=data_validation"
    place = visible(f"'{root / record.path}'")
    try:
        data = (root / record.path).read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{place} was removed after validation; {again}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != record.sha256:
        raise ValueError(
            f"{place} was changed after validation: sha256 {found[:12]}..., "
            f"expected {record.sha256[:12]}...; {again}"
        )
    try:
        return squares(
            data,
            sizes,
            config.resizer,
            upright=config.orientation == "upright",
            white_level=config.white_level,
            fit=config.fit,
            pad_colour=config.pad_colour,
            channels=config.channels,
        )
    except (OSError, SyntaxError, ValueError, RuntimeError) as error:
        raise ValueError(f"{place} cannot be decoded: {error}; {again}") from error


def _facts(
    images: Sequence[ImageRecord], config: PreprocessingConfig, titles: dict[str, str]
) -> list[dict[str, Any]]:
    """The index of each size's store, without its files."""
    rule = f"{RULE_VERSION}{'.1' if config.white_level else ''}"  # .1 scales 16-bit colours too
    shared: dict[str, Any] = {
        "format": FORMAT_VERSION,
        "data_hash": hash_records(images),
        "resizer": config.resizer,
        "versions": {name: version(name) for name in LIBRARIES} | {"rule": rule},
        "class_names": sorted({image.class_name for image in images}),
    }
    shared |= {"orientation": "upright"} if config.orientation == "upright" else {}
    shared |= {"white_level": config.white_level} if config.white_level else {}
    shared |= {"fit": config.fit} if config.fit != "crop" else {}
    shared |= {"pad_colour": list(config.pad_colour)} if config.fit == "pad" else {}
    shared |= {"channels": config.channels} if config.channels != 3 else {}
    shared |= {"class_titles": titles} if titles else {}
    every = [shared | {"image_size": size} for size in config.sizes]
    return [facts | {"key": content_key(facts)} for facts in every]


def _existing(folder: Path, titles: dict[str, str]) -> ShardStore | None:
    """The store, if it is there and sound; newly known class titles are added to its index."""
    if not folder.exists():
        return None
    try:
        store = ShardStore.open(folder)
    except FileNotFoundError:
        return None  # a killed run's
    except ValueError as error:
        logger.warning("making shards again: %s", str(error).removesuffix(f"; {REMEDY}"))
        return None
    if store.key != folder.name:
        logger.warning("'%s' has another store (%s); making it again", folder, store.key)
        return None
    if titles and store.class_titles != titles:
        facts = store.index | {"class_titles": titles}
        write_index(folder, facts | {"checksum": index_checksum(facts)})
        return ShardStore.open(folder)
    logger.info("shards are up to date: %s", display_path(folder))
    return store


def _make(
    root: Path,
    shards: list[Shard],
    workspace: Path,
    facts: list[dict[str, Any]],
    config: PreprocessingConfig,
) -> list[ShardStore]:
    """Make the stores that are missing in one pass over the images."""
    import torchvision.io  # noqa: F401 - takes seconds at a cold start, no part of the time left

    writers = [StoreWriter(workspace / f["key"], f, shards) for f in facts]
    _announce(workspace, shards, writers)
    todo = [shard for shard in shards if any(writer.lacks(shard) for writer in writers)]
    sizes = tuple(writer.image_size for writer in writers)
    count = sum(len(shard.images) for shard in todo)

    def load(record: ImageRecord) -> list[NDArray[np.uint8]]:
        return load_resized(root, sizes, config, record)

    with _one_torch_thread(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")  # validation has told of them
        every = (record for shard in todo for record in shard.images)
        loaded = ordered_map(load, every, config.workers)
        rows = iter(progress_bar("resizing", count, iterable=loaded))
        for shard in todo:
            _write(shard, writers, islice(rows, len(shard.images)))
        next(rows, None)  # ends the bar, which else stops before its last image
    return [writer.finish() for writer in writers]


def _write(
    shard: Shard, writers: list[StoreWriter], rows: Iterable[list[NDArray[np.uint8]]]
) -> None:
    """Write one shard of every store that lacks it."""
    with ExitStack() as stack:
        files = [
            stack.enter_context(writer.shard(shard)) if writer.lacks(shard) else None
            for writer in writers
        ]
        for row in rows:
            for file, square in zip(files, row, strict=True):
                if file is not None:
                    file.write(square)


def _announce(workspace: Path, shards: list[Shard], writers: list[StoreWriter]) -> None:
    """Log the space that the shards will take, and check that it is free.

    Raises:
        OSError: with needed and free bytes.
    """
    needed = sum(writer.missing_bytes() for writer in writers)
    logger.info(
        "%s images at %s px take %sB; %sB are free",
        f"{sum(len(shard.images) for shard in shards):,}",
        " and ".join(str(writer.image_size) for writer in writers),
        tqdm.format_sizeof(needed),
        tqdm.format_sizeof(disk.free_bytes(workspace)),
    )
    remedy = "free some space, or choose a smaller preprocessing.image_size"
    require_space(workspace, needed, remedy=remedy)


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """Let worker threads share the cores: torch would start a thread pool in each of them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
