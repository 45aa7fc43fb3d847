"""The image folder: `train/<class>/*` and optionally `val/<class>/*`, read in place.

The handle between acquisition and later pipelines. Opening one reads names only, never files: the
manifest has the facts of the images.
"""

import logging
import os
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from sagan.common.text import visible
from sagan.data.class_titles import find_titles
from sagan.data.folder_names import (
    IMAGE_SUFFIXES,
    file_names,
    first_five,
    folder_names,
    loose_images,
    warn_ignored,
)

logger = logging.getLogger(__name__)

SPLITS = ("train", "val")
# other names of the second split, which are not read
_OTHER_NAMES = ("valid", "validation", "test", "dev", "eval")
NOT_TRAINING = ("val", *_OTHER_NAMES)
_MOUNTED = "is the disk of the images mounted?"


class ImagePath(NamedTuple):
    """One file of an image folder."""

    split: str
    class_name: str
    path: str
    """Relative to the folder's root, with forward slashes."""


@dataclass(frozen=True)
class ImageFolder:
    """A class folder whose layout was checked; created by `open`."""

    path: Path
    images: dict[str, dict[str, int]]
    """Number of files by split and class."""
    class_titles: dict[str, str] = field(default_factory=dict)
    """Titles of classes, as far as they are known."""
    published: bool = False
    """Whether it is a published set, whose images are used as its publishers' loaders do."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Check the layout of a class folder.

        Raises:
            FileNotFoundError: if the folder is missing.
            ValueError: if its layout is not the expected one; all problems at once.
        """
        root = Path(path)
        if not root.exists():
            raise FileNotFoundError(f"image folder '{root}' does not exist\n{_layout(root)}")
        if not root.is_dir():
            alone = root.suffix.lower() in IMAGE_SUFFIXES
            what = "one image, not a folder" if alone else "a file; extract it first"
            raise ValueError(f"image folder '{root}' is {what}\n{_layout(root)}")
        problems = [f"{split} is a link to nothing; {_MOUNTED}" for split in lost_splits(root)]
        problems = problems or _root_problems(root)
        if not problems:
            present = [split for split in SPLITS if (root / split).is_dir()]
            problems = [text for split in present for text in _split_problems(root, split)]
        if not problems:
            images = {split: _count(root / split) for split in present}
            problems = _class_set_problems(images)
        _refuse(root, problems)
        warn_unread_splits(root, images)
        warn_ignored(root, images)
        return cls(path=root, images=images, class_titles=find_titles([root], images["train"]))

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits that are there, training first."""
        return tuple(self.images)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Sorted names of the class folders; a name's index is its label."""
        return tuple(sorted(self.images["train"]))

    def facts(self) -> dict[str, Any]:
        """Number of classes and of files by split, and titles of classes."""
        counts = {split: sum(classes.values()) for split, classes in self.images.items()}
        facts = {"classes": len(self.class_names), "images": counts, "published": self.published}
        return facts | ({"class_titles": self.class_titles} if self.class_titles else {})

    def __iter__(self) -> Iterator[ImagePath]:
        """Every file, sorted by split, class and name, without hidden ones."""
        for split in self.splits:
            for class_name in self.class_names:
                for name in sorted(file_names(self.path / split / class_name)):
                    yield ImagePath(split, class_name, f"{split}/{class_name}/{name}")


def _layout(root: Path) -> str:
    return (
        "expected layout:\n"
        f"  {root}/train/<class>/<image>   one folder per class, its images directly in it\n"
        f"  {root}/val/<class>/<image>     optional; the same classes as in train/\n"
        "or, for source folder, class folders without train/, images without classes, or with a "
        "table of labels (acquisition.train_labels); archives of these by name or pattern ('*.tar')"
    )


def lost_splits(root: Path) -> list[str]:
    """The splits that are links to nothing."""
    return [s for s in SPLITS if (root / s).is_symlink() and not (root / s).exists()]


def _root_problems(root: Path) -> list[str]:
    files = [split for split in SPLITS if (root / split).is_file()]
    if files or (root / "train").is_dir():
        return [f"{split} is a file; expected the folder of the classes" for split in files]
    folders = folder_names(root)
    names = sorted(path.name for path in root.iterdir() if not path.name.startswith("."))
    if not names:
        return ["the folder is empty"]
    inside = [name for name in folders if (root / name / "train").is_dir()]
    if inside:
        return [f"there is no train/ in it, but in '{root / inside[0]}': use that path"]
    if splits := split_names(root):
        return [f"there is no train/ in it, but {splits[0]}/: call the training images' one train/"]
    if folders and (loose := loose_images(root)):
        return [
            f"it has {len(loose):,} images directly ({first_five(sorted(loose))}) beside folders "
            f"({first_five(sorted(folders))}); move each into the folder of its class"
        ]
    return [f"there is no train/ in it; it has {first_five(names)}"]


def split_names(root: Path) -> list[str]:
    """Names of the folders that are called as a split."""
    return [name for name in ("train", *NOT_TRAINING) if (root / name).is_dir()]


def require_class_folders(root: Path, split: str) -> None:
    """Refuse a split, or a folder in place of it, whose folders are not classes of images.

    Raises:
        ValueError: with all faults of its layout.
    """
    _refuse(root, _split_problems(root, split))


def _refuse(root: Path, problems: list[str]) -> None:
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise ValueError(f"image folder '{root}' cannot be used:\n{listed}\n{_layout(root)}")


def warn_unread_splits(root: Path, splits: Container[str]) -> None:
    """Warn once of folders that may be the second split but have another name."""
    others = [f"{name}/" for name in _OTHER_NAMES if (root / name).is_dir()]
    if others and "val" not in splits:
        _warn_unread(root, ", ".join(others))


@cache  # once per process, not per pipeline
def _warn_unread(root: Path, others: str) -> None:
    logger.warning("'%s' has no val/, and a split of another name is not read: %s", root, others)


def _split_problems(root: Path, split: str) -> list[str]:
    """Faults of one split, one line per kind."""
    folder = root / split
    classes = folder_names(folder)
    if lost := _lost_links(folder):
        return [
            f"links in {split}/ point to nothing: {first_five(lost)}; {_MOUNTED} If they have "
            "moved, run acquisition again"
        ]
    if loose := loose_images(folder):
        return [_loose_images(split, loose, classes)]
    if not classes:
        return [f"{split}/ has no class folders"]
    if stray := file_names(folder):
        logger.warning("ignored in %s: %s", folder, first_five(sorted(stray)))
    problems = []
    without = [name for name in sorted(classes) if not file_names(folder / name)]
    nested = [name for name in without if folder_names(folder / name)]
    if nested:
        problems.append(_nested_folders(root, split, nested))
    empty = [name for name in without if name not in nested]
    if empty:
        problems.append(
            f"empty class folders in {split}/: {first_five(empty)}; add images or remove them"
        )
    return problems


def _loose_images(split: str, loose: list[str], classes: list[str]) -> str:
    found = f"{split}/ has {len(loose):,} images directly ({first_five(sorted(loose))})"
    if split == "val" and not classes:
        return (
            f"{found} and no class folders, as ILSVRC-2012 ships it; name the table of its labels, "
            "acquisition.val_labels: the devkit (ILSVRC2012_devkit_t12.tar.gz), Kaggle's "
            "LOC_val_solution.csv, or lines of 'file,class'; or remove val/ to train without it"
        )
    return f"{found}; move each into the folder of its class"


def _nested_folders(root: Path, split: str, nested: list[str]) -> str:
    inner = sorted(folder_names(root / split / nested[0]))
    text = (
        f"class folders in {split}/ have folders instead of images: {first_five(nested)} "
        f"({split}/{nested[0]}/ has {first_five(inner)})"
    )
    if "train" in nested:
        return f"{text}; there is one folder level too many: use '{root / split}' as the path"
    if inner == ["images"]:
        text += ", as Tiny ImageNet ships it, which acquisition.source=tiny_imagenet reads"
    return f"{text}; move the images up into {split}/<class>/"


def _class_set_problems(images: dict[str, dict[str, int]]) -> list[str]:
    """Classes that only one of the splits has, up to ten by name."""
    if "val" not in images:
        return []
    problems = []
    for here, there in (("train", "val"), ("val", "train")):
        only = sorted(images[here].keys() - images[there].keys())
        if only:
            named = visible(", ".join(only[:10])) + (", ..." if len(only) > 10 else "")
            problems.append(f"{len(only):,} classes of {here}/ are missing in {there}/: {named}")
    return problems


def _lost_links(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        links = [entry for entry in entries if entry.is_symlink()]
    return sorted(entry.name for entry in links if not Path(entry.path).exists())


def _count(split: Path) -> dict[str, int]:
    return {name: len(file_names(split / name)) for name in sorted(folder_names(split))}
