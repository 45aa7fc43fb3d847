"""Source `folder`: the user's own images, or archives of them.

`train/<class>/*` is used in place. Other layouts are linked into that one: `<class>/*` as
torchvision's ImageFolder reads it, images without classes, and images whose classes are in a table.
Archives are extracted, all into one folder.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from sagan.common.progress import progress_bar
from sagan.data.archives.checksums import verify_checksum
from sagan.data.archives.extraction import announce, extract, identity, is_extracted
from sagan.data.archives.members import ArchiveError, file_and_folder, open_archive
from sagan.data.archives.record import ExtractedMember
from sagan.data.class_titles import find_titles
from sagan.data.folder_names import (
    UNLABELLED,
    file_names,
    first_five,
    folder_names,
    is_flat,
    is_no_image,
    loose_images,
)
from sagan.data.image_folder import (
    NOT_TRAINING,
    SPLITS,
    ImageFolder,
    lost_splits,
    require_class_folders,
    split_names,
    warn_unread_splits,
)
from sagan.data.sources.labels import DATASET_JSON, folder_of, read_cls_files, read_labels
from sagan.data.sources.tree import SourceTree, class_folders, loose_by_class
from sagan.processes.lock import folder_lock

logger = logging.getLogger(__name__)

_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
# added to archives by macOS, and Kaggle's test images, which have no labels
_LEFT_OUT = re.compile(r"(^|/)(__MACOSX|ILSVRC/Data/CLS-LOC/test|ILSVRC/Annotations)/")


def archives_of(path: Path) -> list[Path]:
    """The archives that a path names: one, or all of a pattern; none if it is a folder.

    Raises:
        FileNotFoundError: if a pattern matches nothing.
    """
    if "*" in path.name:
        found = sorted(path.parent.glob(path.name))
        if not found:
            raise FileNotFoundError(f"acquisition.path: nothing matches '{path}'")
        return found
    return [path] if path.is_file() and path.name.lower().endswith(_ENDINGS) else []


def unpacked(path: Path, target: Path) -> Path:
    """The folder of a path; archives are extracted first, all into one folder.

    Args:
        path: A folder, an archive, or a pattern of archives.
        target: The folder to extract archives to.

    Returns:
        The folder that should hold `train/`.

    Raises:
        ArchiveError: if an archive is damaged or hostile, or two hold the same file.
        OSError: if there is too little space.
    """
    archives = archives_of(path)
    if not archives:
        return path
    with folder_lock(target.parent):
        made_of = [identity(archive) for archive in archives]
        if not is_extracted(target, made_of, partial(_members, archives)):
            _extract_all(archives, target, made_of)
    return _below_one_folder(target)


def is_class_folder(path: Path) -> bool:
    """Whether a folder has the layout that is used in place, `train/<class>/*`."""
    train = path / "train"
    return train.is_dir() and not is_flat(train) and not (train / DATASET_JSON).is_file()


def read_class_folder(
    path: Path, tables: Mapping[str, Path | None], beside: list[Path]
) -> SourceTree:
    """Find the images and their classes.

    Args:
        path: The folder that holds `train/`, the class folders, or images without classes.
        tables: By split, a table of labels of images without class folders.
        beside: More folders that may have a table of titles.

    Raises:
        FileNotFoundError: if the folder, the training images or a table is missing.
        ValueError: if there is an image without label, or the layout is none of these.
    """
    splits = {split: path / split for split in SPLITS if (path / split).is_dir()}
    if "train" not in splits and path.is_dir() and not lost_splits(path):
        _require_images(path, labelled=tables.get("train") is not None)
        splits = {"train": path}
    elif lost_splits(path) or (not any(tables.values()) and (not splits or is_class_folder(path))):
        ImageFolder.open(path)  # raises with all faults of the layout
    warn_unread_splits(path, splits)
    tree = SourceTree()
    for split, table in tables.items():
        if table is not None and split not in splits:
            raise FileNotFoundError(
                f"acquisition.{split}_labels is given, but '{path}' has no {split}/"
            )
    for split, folder in splits.items():
        _read_split(tree, split, folder, tables)
    labels = [place for table in tables.values() for place in folder_of(table)]
    tree.titles = find_titles([path, *beside, *labels], tree.classes)
    return tree


def _require_images(root: Path, *, labelled: bool) -> None:
    """Refuse a folder without train/ whose folders are not classes."""
    if labelled or is_flat(root) or (root / DATASET_JSON).is_file():
        return
    classes = any(file_names(root / name) for name in folder_names(root))
    if loose_images(root) or not classes or split_names(root):
        ImageFolder.open(root)  # raises, since there is no train/
    require_class_folders(root.parent, root.name)
    names = first_five(sorted(folder_names(root)))
    logger.info("there is no train/ in '%s': its folders are the classes, %s", root, names)


def _read_split(
    tree: SourceTree, split: str, folder: Path, tables: Mapping[str, Path | None]
) -> None:
    """Add the images of one split to the tree."""
    table = tables.get(split)
    if table is None and (folder / DATASET_JSON).is_file():
        table = folder / DATASET_JSON
        logger.info("labels of %s/: %s", split, table)
    if table is not None:
        labels = read_labels(table, f"{split}_labels")
        of_both = tables.get("train") == tables.get("val") == table
        tree.loose[split] = loose_by_class(folder, labels, of_others=of_both)
    elif labels := read_cls_files(folder):
        tree.loose[split] = loose_by_class(folder, labels)
    elif is_flat(folder) and (split == "train" or tree.classes == [UNLABELLED]):
        logger.info("'%s' has no class folders: its images are one class", folder)
        tree.folders[split] = {UNLABELLED: folder}
    else:
        require_class_folders(folder.parent, folder.name)
        tree.folders[split] = class_folders(folder)


@contextmanager
def _members(archives: list[Path]) -> Iterator[list[ExtractedMember]]:
    """The members to extract."""
    members: dict[str, ExtractedMember] = {}
    owner: dict[str, Path] = {}
    with ExitStack() as stack:
        for archive in archives:
            for member in stack.enter_context(open_archive(archive)):
                if _LEFT_OUT.search(member.name):
                    continue
                if member.name in members:
                    raise ArchiveError(
                        f"'{archive}' and '{owner[member.name]}' both have '{member.name}'; "
                        "name one of them"
                    )
                members[member.name] = ExtractedMember(member, member.name)
                owner[member.name] = archive
        if clash := file_and_folder(members):
            raise ArchiveError(
                f"'{clash[0]}' is a file in '{owner[clash[0]]}' and a folder in another archive; "
                "name one of them"
            )
        _require_one_set(archives, [*members])
        yield [*members.values()]


def _require_one_set(archives: list[Path], names: list[str]) -> None:
    """Refuse archives without images, and archives of several splits without their folders."""
    if all(map(is_no_image, names)):
        raise ArchiveError(
            f"'{archives[0]}' has no images, but {first_five(names)}; the archive of ILSVRC-2012's "
            "archives is a part of source ilsvrc2012"
        )
    words = {archive.name: re.split(r"[-_.]", archive.name.lower())[0] for archive in archives}
    others = [name for name, word in words.items() if word in NOT_TRAINING]
    if 0 < len(others) < len(archives) and not any("/train/" in f"/{name}" for name in names):
        raise ArchiveError(
            f"{first_five(others)}: images of another split would become training images; name "
            f"those of training alone, as in '{archives[0].parent}/train-*'"
        )


def _extract_all(archives: list[Path], target: Path, made_of: list[dict[str, object]]) -> None:
    with _members(archives) as members:
        needed = sum(member.size_bytes for member, _ in members)
        more = f" and {len(archives) - 1} more" if len(archives) > 1 else ""
        announce(f"{archives[0].name}{more}", len(members), needed, target.parent)
        for archive in archives:
            verify_checksum(archive)
        with progress_bar("extracting", needed, "B") as bar:
            extract(members, target, made_of, on_bytes=bar.update)


def _below_one_folder(folder: Path) -> Path:
    """The only folder in a folder, if there is just one, as many archives have it."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    alone = len(inside) == 1 and inside[0].is_dir() and inside[0].name != "train"
    return inside[0] if alone else folder
