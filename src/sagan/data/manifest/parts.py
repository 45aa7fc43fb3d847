"""Parts of the manifest on disk, so that a killed scan can be resumed.

A part holds the facts of 4,096 images. It is reused only if it was made with the same limits and
decoder, and every file in it still has its name and time of change. `remove_parts` removes the
parts once the manifest is saved.
"""

import os
import shutil
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagan.common.files import json_sha256, replacing_file
from sagan.common.progress import progress_bar
from sagan.data.config import ManifestConfig
from sagan.data.image_folder import ImageFolder, ImagePath
from sagan.data.manifest.inspection import (
    ImageFacts,
    escape_name,
    inspect_image,
    optional_formats,
)
from sagan.data.manifest.pillow_warnings import named_warnings
from sagan.data.parallel import ordered_map

if TYPE_CHECKING:
    import pyarrow as pa
    from tqdm import tqdm

PART_IMAGES = 4096
COLUMNS = (*ImagePath._fields, *ImageFacts._fields)
COUNTS = ("width", "height", "orientation", "bytes")
CHANGED = "changed_ns"  # only in the parts: the file's time of change


def inspect_in_parts(
    folder: ImageFolder, config: ManifestConfig, workspace: Path | None
) -> Iterator["pa.Table"]:
    """Inspect every file of the folder, in its order whatever the number of workers.

    Args:
        folder: the images.
        config: workers and limits.
        workspace: folder for parts, found after an interruption; None keeps none.

    Yields:
        tables with the columns `COLUMNS`.

    Raises:
        ValueError: if files were added or removed meanwhile.
    """
    import pyarrow.parquet as pq

    total = sum(folder.facts()["images"].values())
    home = None if workspace is None else _parts_folder(workspace, config)
    images, found = iter(folder), 0
    optional_formats()  # its import takes seconds at a cold start, no part of the time left
    with named_warnings(), progress_bar("checking images", total) as bar:
        for number in count():
            places = list(islice(images, PART_IMAGES))
            if not places:
                break
            path = None if home is None else home / f"{number:05d}.parquet"
            table = None if path is None else _saved_part(path, folder.path, places)
            if table is not None:
                bar.update(len(table))
            else:
                table = _inspected(folder.path, config, places, bar)
                if path is not None:
                    with replacing_file(path) as temporary:
                        pq.write_table(table, temporary)
            found += len(table)
            yield table.drop_columns([CHANGED])
    if found != total:
        raise ValueError(
            f"'{folder.path}' changed while it was checked: it had {total:,} images at first; "
            "validate again when nothing writes there: kedro run --pipelines=data_validation"
        )


def remove_parts(workspace: Path) -> None:
    """Remove all parts, once the manifest is saved."""
    shutil.rmtree(workspace, ignore_errors=True)


def _parts_folder(workspace: Path, config: ManifestConfig) -> Path:
    """The folder of parts made with these limits; others are removed."""
    made_by = config.model_dump(exclude={"workers"})
    made_by |= {"columns": COLUMNS, "images": PART_IMAGES, "pillow": version("pillow")}
    key = json_sha256(made_by)[:16]
    workspace.mkdir(parents=True, exist_ok=True)
    for other in workspace.iterdir():
        if other.name != key:
            shutil.rmtree(other, ignore_errors=True)
    return workspace / key


def _saved_part(path: Path, root: Path, places: list[ImagePath]) -> "pa.Table | None":
    """A part of an interrupted scan, unless it is damaged or a file of it has changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, partitioning=None)
    except (FileNotFoundError, pa.ArrowException):
        return None
    names = [escape_name(place.path) for place in places]
    changed = [_changed_ns(root / place.path) for place in places]
    same = table["path"].to_pylist() == names and table[CHANGED].to_pylist() == changed
    return table if same else None


def _inspected(
    root: Path, config: ManifestConfig, places: list[ImagePath], bar: "tqdm[Any]"
) -> "pa.Table":
    """The facts of some files, with their times of change."""
    import pyarrow as pa

    rows = []
    for row in ordered_map(partial(_row, root, config), places, config.workers):
        rows.append(row)
        bar.update()
    kinds = dict.fromkeys(COLUMNS, pa.string()) | dict.fromkeys((*COUNTS, CHANGED), pa.int64())
    kinds |= {"decodable": pa.bool_(), "brightest": pa.float64()}
    return pa.Table.from_pylist(rows, pa.schema(kinds))


def _row(root: Path, config: ManifestConfig, place: ImagePath) -> dict[str, Any]:
    changed = _changed_ns(root / place.path)  # before the file is read: a later change shows
    named, facts = inspect_image(root, config, place)
    return {**named._asdict(), **facts._asdict(), CHANGED: changed}


def _changed_ns(path: Path) -> int | None:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - a million times; names of any bytes
    except OSError:
        return None
