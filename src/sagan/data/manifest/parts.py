"""Parts of the manifest on disk, so that a killed scan can be resumed.

A part holds the facts of 4,096 images. It is reused only if it was made with the same limits and
decoder, and every file in it still has its name and time of change. `remove_parts` removes the
parts once the manifest is saved.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from sagan.common.files import replacing_file
from sagan.data.config import ManifestConfig
from sagan.data.image_folder import ImageFolder, ImagePath
from sagan.data.manifest.inspection import ImageFacts, escape_name, inspect_image
from sagan.data.parallel import ordered_map

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

PART_IMAGES = 4096
COLUMNS = (*ImagePath._fields, *ImageFacts._fields)
COUNTS = ("width", "height", "bytes")
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
    total = sum(folder.facts()["images"].values())
    home = None if workspace is None else _parts_folder(workspace, config)
    kept = {} if home is None else _valid_parts(folder, home)
    known = sum(len(table) for table in kept.values())
    if known:
        logger.info("%s of %s images were checked before", f"{known:,}", f"{total:,}")
    rows = _inspected_rows(folder, config, frozenset(kept), known, total)
    found = 0
    for number in range(-(-total // PART_IMAGES)):
        table = kept.pop(number, None)
        if table is None:
            table = _table(list(islice(rows, PART_IMAGES)))
            if home is not None:
                _save(table, _file(home, number))
        found += len(table)
        yield table.drop_columns([CHANGED])
    if found != total or next(rows, None) is not None:
        raise ValueError(
            f"'{folder.path}' changed while it was checked: it had {total:,} images at first; "
            "validate again when nothing writes there: kedro run --pipelines=data_validation"
        )


def remove_parts(workspace: Path) -> None:
    """Remove all parts, once the manifest is saved."""
    shutil.rmtree(workspace, ignore_errors=True)


def _inspected_rows(
    folder: ImageFolder, config: ManifestConfig, done: frozenset[int], known: int, total: int
) -> Iterator[tuple[Any, ...]]:
    """Rows of all images whose part is not done, with a progress bar."""
    missing = (place for number, places in _parts(folder) if number not in done for place in places)
    inspected = ordered_map(partial(_row, folder.path, config), missing, config.workers)
    # disable=None: no bar without a terminal
    yield from tqdm(
        inspected, total=total, initial=known, desc="checking images", unit=" images", disable=None
    )


def _parts(folder: ImageFolder) -> Iterator[tuple[int, list[ImagePath]]]:
    places = iter(folder)
    number = 0
    while part := list(islice(places, PART_IMAGES)):
        yield number, part
        number += 1


def _parts_folder(workspace: Path, config: ManifestConfig) -> Path:
    """The folder of parts made with these limits; others are removed."""
    made_by = config.model_dump(exclude={"workers"})
    made_by |= {"columns": COLUMNS, "images": PART_IMAGES, "pillow": version("pillow")}
    key = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()[:16]
    workspace.mkdir(parents=True, exist_ok=True)
    for other in workspace.iterdir():
        if other.name != key:
            shutil.rmtree(other, ignore_errors=True)
    return workspace / key


def _file(home: Path, number: int) -> Path:
    return home / f"{number:05d}.parquet"


def _valid_parts(folder: ImageFolder, home: Path) -> dict[int, "pa.Table"]:
    """The parts of an interrupted scan that are still valid, by number."""
    if not any(home.glob("*.parquet")):
        return {}
    found = ((number, places, _read(_file(home, number))) for number, places in _parts(folder))
    return {
        number: table
        for number, places, table in found
        if table is not None and _is_current(folder.path, places, table)
    }


def _read(path: Path) -> "pa.Table | None":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, partitioning=None)
    except (FileNotFoundError, pa.ArrowException):  # absent, or damaged
        return None


def _is_current(root: Path, places: list[ImagePath], table: "pa.Table") -> bool:
    names: list[str] = table["path"].to_pylist()
    changed: list[int | None] = table[CHANGED].to_pylist()
    return names == [escape_name(place.path) for place in places] and changed == [
        _changed_ns(root / place.path) for place in places
    ]


def _save(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    with replacing_file(path) as temporary:
        pq.write_table(table, temporary)


def _row(root: Path, config: ManifestConfig, place: ImagePath) -> tuple[Any, ...]:
    changed = _changed_ns(root / place.path)  # before the file is read: a later change shows
    return tuple(chain(*inspect_image(root, config, place), [changed]))


def _table(rows: list[tuple[Any, ...]]) -> "pa.Table":
    import pyarrow as pa

    kinds = dict.fromkeys(COLUMNS, pa.string()) | dict.fromkeys((*COUNTS, CHANGED), pa.int64())
    schema = pa.schema(kinds | {"decodable": pa.bool_()})
    names = (*COLUMNS, CHANGED)
    columns = zip(*rows, strict=True) if rows else [[] for _ in names]
    arrays = {name: list(values) for name, values in zip(names, columns, strict=True)}
    return pa.table(arrays, schema=schema)


def _changed_ns(path: Path) -> int | None:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - a million times; names of any bytes
    except OSError:
        return None
