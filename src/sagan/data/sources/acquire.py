"""Acquisition: a named source becomes an image folder.

Whatever the source, later pipelines see `train/<class>/*` and perhaps `val/<class>/*`. Nothing is
copied without need: a class folder is used where it lies, and similar layouts are linked into one.
"""

import errno
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from sagan.data.config import TORCHVISION_SETS, AcquisitionConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.sources.class_folder import (
    archives_of,
    is_class_folder,
    read_class_folder,
    unpacked,
)
from sagan.data.sources.digits import write_digits
from sagan.data.sources.ilsvrc import extract_ilsvrc
from sagan.data.sources.kaggle import read_kaggle
from sagan.data.sources.linked_folder import link_images
from sagan.data.sources.parquet import parquet_files, read_parquet
from sagan.data.sources.selection import Selection
from sagan.data.sources.tiny_imagenet import is_rearranged, read_tiny_imagenet
from sagan.data.sources.torchvision_sets import acquire_from_torchvision, original_archives
from sagan.data.sources.tree import SourceTree

_NEEDS_A_PATH = {
    "folder": "a folder of images (train/<class>/*, <class>/*, or without classes), or archives",
    "ilsvrc2012": "the folder of ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar and the devkit",
    "kaggle": "the folder that holds ILSVRC/Data/CLS-LOC and LOC_val_solution.csv, or its zip",
    "tiny_imagenet": "the folder tiny-imagenet-200, or its zip",
}

# written here as small files, so that DVC can store them: of a link to a folder it stores nothing
_WRITTEN = frozenset({"digits"}) | (TORCHVISION_SETS - {"imagenette"})

_READERS = {"kaggle": read_kaggle, "tiny_imagenet": read_tiny_imagenet}


def acquire(config: AcquisitionConfig, workspace: Path) -> ImageFolder:
    """Make or find the image folder that the parameters name.

    Args:
        config: the source, its path, and which part of it is wanted.
        workspace: folder for files or links that a source writes.

    Raises:
        FileNotFoundError: if a part of the source is missing.
        ValueError: if no path was given, or the layout is not the expected one.
        OSError: if there is too little space, or a needed network is not reachable.
    """
    try:
        folder = _acquired(config, workspace)
        return replace(folder, published=config.source != "folder")
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename:
            raise
        reason = f"{error.strerror} while writing images; free some space"  # Pillow names no file
        raise OSError(error.errno, reason, str(workspace)) from error


def _acquired(config: AcquisitionConfig, workspace: Path) -> ImageFolder:
    path = source_path(config)
    if path and _is_sorted_copy(config.source, path):
        config = config.model_copy(update={"source": "folder"})
    selection = Selection.of(config)
    whole = selection.is_everything and config.val_share is None
    if config.source == "digits" and whole:
        return write_digits(workspace / "digits")
    in_place = config.source == "folder" and whole and not any(_tables(config).values())
    if in_place and path and is_class_folder(path) and not parquet_files(path):
        return ImageFolder.open(path)

    tree = _tree(config, path, workspace, selection)
    if config.val_share is not None:
        tree.keep_for_validation(config.val_share, selection.choose(tree.classes, tree.titles))
    written = config.source in _WRITTEN
    if written and whole:
        return ImageFolder.open(workspace / config.source)
    target = workspace / f"{config.source}_links"
    return link_images(tree, selection, target, each_image=written)


def _is_sorted_copy(source: str, path: Path) -> bool:
    """Whether a published set lies there not as it was published but sorted into classes."""
    if source == "tiny_imagenet":
        return is_rearranged(path)
    if source not in TORCHVISION_SETS:
        return False
    if archives_of(path):
        return path.name not in original_archives()
    return (path / "train").is_dir()


def source_path(config: AcquisitionConfig) -> Path | None:
    """Absolute path of the source; None for one that needs none.

    Raises:
        ValueError: if it needs a path and none was given.
    """
    if config.path is not None:
        return Path(config.path).expanduser().absolute()
    if config.source not in _NEEDS_A_PATH:
        return None
    raise ValueError(
        f"acquisition.path is not set, and source '{config.source}' needs it: "
        f"{_NEEDS_A_PATH[config.source]}; give --params=acquisition.path=/your/images"
    )


def require_source(config: AcquisitionConfig) -> None:
    """Refuse a source whose path is not given, or leads nowhere.

    Raises:
        ValueError: if it needs a path and none was given.
        FileNotFoundError: if nothing lies there; with the nearest name beside it.
    """
    path = source_path(config)
    downloaded = config.source in TORCHVISION_SETS  # to that path
    if path is None or downloaded or archives_of(path) or path.exists():
        return
    beside = [found.name for found in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, beside, n=1)
    remedy = f"did you mean '{path.with_name(near[0])}'?" if near else "expected "
    remedy += "" if near else _NEEDS_A_PATH.get(config.source, "the source's folder")
    raise FileNotFoundError(f"acquisition.path: '{path}' does not exist; {remedy}")


def _tables(config: AcquisitionConfig) -> dict[str, Path | None]:
    """Tables of labels by split."""
    given = {"train": config.train_labels, "val": config.val_labels}
    return {s: Path(table).expanduser().absolute() if table else None for s, table in given.items()}


def _tree(
    config: AcquisitionConfig, path: Path | None, workspace: Path, selection: Selection
) -> SourceTree:
    """Where the source's images are, and their classes."""
    own = workspace / config.source
    tables = _tables(config)
    if config.source in TORCHVISION_SETS:
        return acquire_from_torchvision(config, own)
    if path is None:
        return read_class_folder(write_digits(own).path, {}, [])
    if config.source == "ilsvrc2012":
        return extract_ilsvrc(path, own, selection, tables["val"])
    if config.source == "folder" and (files := parquet_files(path)):
        return read_parquet(files, workspace / "parquet", tables)
    beside = [archive.parent for archive in archives_of(path)[:1]]
    root = unpacked(path, own)
    if config.source in _READERS:
        return _READERS[config.source](root)
    return read_class_folder(root, tables, beside)
