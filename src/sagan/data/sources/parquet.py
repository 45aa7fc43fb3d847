"""Source `folder`: parquet files of Hugging Face's datasets, written as image files.

A row has an image file's bytes and a number, whose name stands in the file's metadata. Classes are
called by their numbers, and the names become their titles. Columns are found by their types.
"""

import io
import json
import logging
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sagan.common.files import require_space
from sagan.common.progress import progress_bar
from sagan.data.archives.checksums import verify_checksum
from sagan.data.archives.extraction import extract, identity, is_extracted
from sagan.data.archives.members import MAX_RATIO, ArchiveError, ArchiveMember
from sagan.data.archives.record import ExtractedMember
from sagan.data.folder_names import (
    IMAGE_SUFFIXES,
    UNLABELLED,
    file_names,
    first_five,
    folder_names,
)
from sagan.data.image_folder import SPLITS
from sagan.data.sources.labels import as_classes
from sagan.data.sources.tree import SourceTree, class_folders
from sagan.processes.lock import folder_lock

if TYPE_CHECKING:
    import pyarrow.parquet as pq

logger = logging.getLogger(__name__)

_SPLIT = re.compile(r"(?P<train>train)|(?P<val>val|valid|validation)|(?P<other>test|dev|eval)")
_BATCH_ROWS = 64


class _Columns(NamedTuple):
    """Where the images and labels are."""

    image: str
    label: str | None
    names: list[str]
    """Names of the labels, by number; none where these are unknown."""


def parquet_files(path: Path) -> list[Path]:
    """The parquet files that a path names: one, those of a pattern or of a dataset's folder."""
    train = path / "train"
    if "*" in path.name:
        found = sorted(path.parent.glob(path.name))
    elif train.is_dir():  # a folder for each split, unless there are images in it
        images = folder_names(train) or file_names(train)
        found = [] if images else sorted(path.glob("*/*.parquet"))
    elif path.is_dir():
        found = sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))
    else:
        found = [path]
    return [file for file in found if file.suffix == ".parquet" and file.is_file()]


def read_parquet(files: list[Path], target: Path, tables: Mapping[str, Path | None]) -> SourceTree:
    """Write the images of parquet files below `train/` and `val/`, unless they are there.

    Args:
        files: The files; their names begin with the name of their split, or their folder has it.
        target: The folder to write to.
        tables: Tables of labels by split, which are refused, since the files have labels.

    Raises:
        ArchiveError: if a file is damaged, or has no column of images.
        ValueError: if there is no training split, or a label is none.
        OSError: if there is too little space.
    """
    if any(tables.values()):
        raise ValueError("parquet files have their own labels; leave the table of labels out")
    splits = _by_split(files)
    with folder_lock(target):
        made_of = {name: [identity(file) for file in of] for name, of in splits.items()}
        columns = _columns([file for of in splits.values() for file in of])
        todo = [
            name
            for name, of in splits.items()
            if not is_extracted(
                target / name, made_of[name], partial(_split_images, splits, name, columns)
            )
        ]
        if todo:
            for file in files:
                verify_checksum(file)
            _write_splits(splits, todo, columns, target, made_of)
    tree = SourceTree(folders={name: class_folders(target / name) for name in splits})
    numbers = as_classes(files[0], {str(n): n for n in range(len(columns.names))})
    tree.titles = {numbers[str(n)]: name for n, name in enumerate(columns.names)}
    return tree


def _by_split(files: list[Path]) -> dict[str, list[Path]]:
    """The files of each split; those without a split's name are for training."""
    found: dict[str, list[Path]] = {"train": [], "val": [], "other": []}
    for file in files:
        words = (re.split("[-_.]", file.stem)[0], file.parent.name)
        named = (match.lastgroup for word in words if (match := _SPLIT.fullmatch(word.lower())))
        found[next(named, None) or "train"].append(file)
    if not found["train"]:
        raise ValueError(
            f"no parquet file is of the training split: {first_five([f.name for f in files])}; "
            "expected names such as train-00000-of-00001.parquet"
        )
    if found["other"]:
        names = first_five([file.name for file in found["other"]])
        logger.warning("parquet files of another split are not read: %s", names)
    _warn_incomplete([file.name for file in files])
    return {split: found[split] for split in SPLITS if found[split]}


def _warn_incomplete(names: list[str]) -> None:
    """Warn of files `<split>-00000-of-00002` without their others, as a broken download leaves."""
    counts: Counter[tuple[str, str]] = Counter()
    for name in names:
        if part := re.fullmatch(r"(.*)-\d+-of-(\d+)(?:-\w+)?\.parquet", name):
            counts[part[1], part[2]] += 1
    for (split, total), there in counts.items():
        if there < int(total):
            logger.warning("only %d of the %s parquet files of %s are read", there, total, split)


def _columns(files: list[Path]) -> _Columns:
    """The columns of the files, which must be alike."""
    found = {file: _columns_of(file) for file in files}
    columns = found[files[0]]
    if other := next((file for file in files if found[file] != columns), None):
        raise ArchiveError(
            f"'{other}' has another column of images or labels, or other names of classes, than "
            f"'{files[0]}'; name the files of one data set"
        )
    label = columns.label and f"'{columns.label}'"
    logger.info("images in column '%s', labels in %s", columns.image, label)
    return columns


def _columns_of(file: Path) -> _Columns:
    """The columns of a file, by their types and by what the `datasets` library says of them."""
    import pyarrow as pa

    with _open(file) as opened:
        schema = opened.schema_arrow
    features = _features(file, schema.metadata or {})
    images = [
        field.name
        for field in schema
        if (pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0)
        or pa.types.is_binary(field.type)
        or pa.types.is_large_binary(field.type)
    ]
    images.sort(key=lambda name: _kind(features.get(name)) != "Image")  # sound has bytes too
    if not images:
        raise ArchiveError(
            f"'{file}' has no column of images (a struct with 'bytes', or binary), but "
            f"{', '.join(schema.names)}"
        )
    classes = [name for name, kind in features.items() if _kind(kind) == "ClassLabel"]
    label = next((n for n in ("label", *classes, "cls") if n in schema.names), None)
    names = features[label].get("names") if label in classes else None
    return _Columns(images[0], label, [str(name) for name in names or []])


def _features(file: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    """What the `datasets` library has written of each column; nothing where another wrote it."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features")
        return dict(features or {})
    except (ValueError, AttributeError, TypeError) as error:
        raise ArchiveError(
            f"'{file}' has damaged metadata of Hugging Face ({type(error).__name__}: {error}); "
            "download it again"
        ) from error


def _kind(feature: object) -> object:
    return feature.get("_type") if isinstance(feature, dict) else None


def _write_splits(
    splits: dict[str, list[Path]],
    todo: list[str],
    columns: _Columns,
    target: Path,
    made_of: dict[str, list[dict[str, Any]]],
) -> None:
    """Write splits, each of which appears when it is complete."""
    target.mkdir(parents=True, exist_ok=True)
    size = sum(file.stat().st_size for split in todo for file in splits[split])
    require_space(target, size, remedy="free some space, or name fewer files")
    for split in todo:
        with _split_images(splits, split, columns) as images:
            total = sum(_open(file).metadata.num_rows for file in splits[split])
            bar = progress_bar("writing images", total, iterable=images)
            extract(bar, target / split, made_of[split], on_bytes=lambda _: None)


@contextmanager
def _split_images(
    splits: dict[str, list[Path]], split: str, columns: _Columns
) -> Iterator[Iterator[ExtractedMember]]:
    """The images of a split, as `<class>/<number>`."""
    classes = _classes(splits, columns)[split]
    yield _images(splits[split], columns.image, classes)


def _classes(splits: dict[str, list[Path]], columns: _Columns) -> dict[str, list[str]]:
    """The class of each row by split; none where there is no column of labels."""
    if columns.label is None:
        return {split: [] for split in splits}
    rows = {
        f"{split}: {file.name}, row {number:,}": row[columns.label]
        for split, files in splits.items()
        for file in files
        for number, row in enumerate(_rows(file, columns.label))
    }
    count = len(columns.names)
    named = {f"class {n}": n for n in range(count)}
    found = as_classes(splits["train"][0], rows | named)
    if beyond := [row for row, number in rows.items() if named and not number < count]:
        raise ArchiveError(
            f"{first_five(beyond)}: label {rows[beyond[0]]}, but there are names of {count} classes"
        )
    return {s: [c for row, c in found.items() if row.startswith(f"{s}: ")] for s in splits}


def _images(files: list[Path], column: str, classes: list[str]) -> Iterator[ExtractedMember]:
    allowed = MAX_RATIO * sum(file.stat().st_size for file in files)
    rows = (row[column] for file in files for row in _rows(file, column))
    for number, image in enumerate(rows):
        data = image.get("bytes") if isinstance(image, dict) else image
        if not isinstance(data, bytes):
            raise ArchiveError(
                f"'{files[0].parent}': image {number:,} of column '{column}' has no bytes, perhaps "
                "only a path; save the dataset with its images embedded"
            )
        allowed -= len(data)
        if allowed < 0:
            raise ArchiveError(
                f"'{files[0].parent}' unpacks to more than {MAX_RATIO} times its size"
            )
        path = str(image.get("path") or "") if isinstance(image, dict) else ""
        suffix = Path(path).suffix.lower()
        name = f"{number:08d}{suffix if suffix in IMAGE_SUFFIXES else ''}"
        of_class = classes[number] if classes else UNLABELLED
        member = ArchiveMember(name, len(data), None, partial(io.BytesIO, data))
        yield ExtractedMember(member, f"{of_class}/{name}")


def _rows(file: Path, column: str) -> Iterator[dict[str, Any]]:
    """The rows of one column."""
    import pyarrow as pa

    with _open(file) as opened:
        try:
            for batch in opened.iter_batches(_BATCH_ROWS, columns=[column]):
                yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise _damaged(file, error) from error


def _open(file: Path) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> Exception:
    if isinstance(error, OSError) and error.filename:
        return error
    return ArchiveError(f"'{file}' is damaged or truncated, or no parquet file: {error}")
