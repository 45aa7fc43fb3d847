"""Building the manifest: one row per image, with its facts, its hash, and any fault.

Data validation builds it from the image folder; later pipelines read images by it alone.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sagan.common.progress import progress_bar
from sagan.data.config import ManifestConfig
from sagan.data.image_folder import ImageFolder, ImagePath
from sagan.data.manifest.inspection import GREY_MODES, ImageFacts, inspect_image
from sagan.data.manifest.parts import COUNTS, inspect_in_parts
from sagan.data.manifest.pillow_warnings import named_warnings
from sagan.data.parallel import ordered_map

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


class ImageRecord(NamedTuple):
    """The columns of the manifest that preprocessing needs."""

    path: str
    """Relative to the image folder, with forward slashes."""
    split: str
    class_name: str
    sha256: str


def scan_images(
    folder: ImageFolder, config: ManifestConfig
) -> Iterator[tuple[ImagePath, ImageFacts]]:
    """Inspect every file of the folder, in its order whatever the number of workers."""
    total = sum(folder.facts()["images"].values())
    inspected = ordered_map(partial(inspect_image, folder.path, config), folder, config.workers)
    with named_warnings():
        yield from progress_bar("checking images", total, iterable=inspected)


def build_manifest(
    folder: ImageFolder, config: ManifestConfig, workspace: Path | None = None
) -> "pd.DataFrame":
    """One row per image: path, split, class_name, width, height, mode, format, bytes, sha256, ...

    Args:
        folder: the images.
        config: workers and limits.
        workspace: folder for parts until `remove_parts`, so that a killed scan can be resumed;
            None keeps none.

    Returns:
        A table with the columns `COLUMNS`; `decodable` is boolean, `reason` the fault.
        Counts are nullable integers: null if the file could not be read.
    """
    import pandas as pd
    import pyarrow as pa

    whole = pa.concat_tables(inspect_in_parts(folder, config, workspace))
    manifest: pd.DataFrame = whole.to_pandas().astype(dict.fromkeys(COUNTS, "Int64"))
    bad = int((~manifest["decodable"]).sum())
    logger.info("checked %s images; %s cannot be decoded", f"{len(manifest):,}", f"{bad:,}")
    return manifest


def records(manifest: "pd.DataFrame") -> list[ImageRecord]:
    """The decodable rows of a manifest, for preprocessing."""
    rows = manifest.loc[manifest["decodable"], list(ImageRecord._fields)]
    return [ImageRecord(*row) for row in rows.itertuples(index=False, name=None)]


def warn_of_lost_colours(modes: Iterable[str | None], channels: int) -> None:
    """Warn where shards of one channel are made of images that are stored in colour.

    Args:
        modes: Pillow's mode of each image.
        channels: Of the shards.
    """
    coloured = [mode not in GREY_MODES for mode in modes]
    if channels == 1 and any(coloured):
        logger.warning(
            "preprocessing.channels is 1: %s of %s images are stored in colour and become grey; "
            "preprocessing.channels=3 keeps their colours",
            f"{sum(coloured):,}",
            f"{len(coloured):,}",
        )


def data_hash(manifest: "pd.DataFrame") -> str:
    """Content hash of the decodable images: sha256 over the sorted (path, sha256) pairs.

    The manifest and its validated part have the same hash.
    """
    rows = manifest.loc[manifest["decodable"].astype(bool)]
    return _hash_pairs(zip(rows["path"], rows["sha256"], strict=True))


def hash_records(images: Iterable[ImageRecord]) -> str:
    """`data_hash` of records; 64 hexadecimal digits."""
    return _hash_pairs((image.path, image.sha256) for image in images)


def _hash_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    lines = sorted(f"{path}\0{sha256}\n" for path, sha256 in pairs)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
