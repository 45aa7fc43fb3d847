"""The common form of a source: paths of the images of each class, and titles of the classes.

Sources differ only in how they build it; selecting a part and linking it into one class folder is
the same for all.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sagan.common.files import file_sha256
from sagan.common.progress import progress_bar
from sagan.data.folder_names import UNLABELLED, file_names, files_below, first_five, folder_names
from sagan.data.image_folder import SPLITS
from sagan.data.parallel import ordered_map

logger = logging.getLogger(__name__)


@dataclass
class SourceTree:
    """Paths of the images; nothing is copied."""

    folders: dict[str, dict[str, Path]] = field(default_factory=dict)
    """By split and class, the folder that holds the images of the class directly."""
    loose: dict[str, dict[str, dict[str, Path]]] = field(default_factory=dict)
    """By split and class, single images by their name in the class folder."""
    titles: dict[str, str] = field(default_factory=dict)
    """Titles of the classes, as far as they are known."""

    @property
    def classes(self) -> list[str]:
        """Sorted names of the training classes."""
        return sorted({*self.folders.get("train", {}), *self.loose.get("train", {})})

    @property
    def splits(self) -> list[str]:
        """Splits that have images, training first."""
        return [split for split in SPLITS if self.folders.get(split) or self.loose.get(split)]

    def files(self, split: str, class_name: str) -> dict[str, Path]:
        """The images of a class in one split by name, sorted."""
        if class_name in self.loose.get(split, {}):
            return dict(sorted(self.loose[split][class_name].items()))
        folder = self.folders.get(split, {}).get(class_name)
        return {path.name: path for path in visible_files(folder)} if folder else {}

    def keep_for_validation(self, share: float, classes: Iterable[str]) -> None:
        """Move a share of the training images of these classes to validation.

        An image is moved if the hash of its content, as a part of the largest possible, is below
        the share, so that copies stay on one side and a new image moves no other. A class of which
        this moves none, or all, has the one of the smallest hash moved, or of the largest kept.

        Args:
            share: Of the images, 0..1.
            classes: The classes to divide; others are left out.

        Raises:
            ValueError: if there is a val/, or a class has no two different images.
        """
        if "val" in self.splits:
            raise ValueError(
                f"acquisition.val_share is {share}, but the source has validation images of its "
                "own; leave one of the two out"
            )
        images = {name: self.files("train", name) for name in classes}
        paths = [path for of_class in images.values() for path in of_class.values()]
        hashes = ordered_map(file_sha256, paths, workers=0)
        bar = progress_bar("hashing images", len(paths), iterable=hashes)
        contents = dict(zip(paths, bar, strict=True))
        kept = _drawn({n: {contents[p] for p in of.values()} for n, of in images.items()}, share)
        self.folders = {}
        self.loose = {"train": {}, "val": {}}
        for name, of_class in images.items():
            for image, path in of_class.items():
                split = "val" if contents[path] in kept else "train"
                self.loose[split].setdefault(name, {})[image] = path


def class_folders(split: Path, below: str = "") -> dict[str, Path]:
    """The class folders of a split by name.

    Args:
        split: Such as `<root>/train`.
        below: A folder between a class and its images, such as Tiny ImageNet's `images`.
    """
    found = {name: split / name / below for name in folder_names(split)}
    return {name: path for name, path in found.items() if path.is_dir()}


def visible_files(folder: Path) -> list[Path]:
    """The files of a folder that may be images, without hidden ones, sorted by name."""
    return [folder / name for name in sorted(file_names(folder))]


def loose_by_class(
    folder: Path, labels: Mapping[str, str] | None, *, of_others: bool = False
) -> dict[str, dict[str, Path]]:
    """Images anywhere below a folder, by class and by a name that is unique in it.

    Args:
        folder: The folder; the folders in it are no classes.
        labels: Class by path below the folder or by file name; without its suffix where the table
            has it so. None: the images have no labels, and are of one class.
        of_others: Whether the table has labels of other folders too; else a label without an image
            is warned of.

    Raises:
        ValueError: if there is no image, an image has no label, or two get the same name.
    """
    found: dict[str, dict[str, Path]] = {}
    unknown, twice = [], []
    used: dict[str, str] = {}
    for path in files_below(folder):
        inside = path.relative_to(folder).as_posix()
        keys = (inside, inside.removesuffix(path.suffix), path.name, path.stem)
        key = next((key for key in keys if labels and key in labels), None)
        if labels is not None and key is None:
            unknown.append(inside)
            continue
        if key and used.setdefault(key, inside) != inside:
            raise ValueError(
                f"the table of labels has '{key}', which may be {used[key]} or {inside} in "
                f"'{folder}'; give paths below it"
            )
        of_class = found.setdefault(labels[key] if labels and key else UNLABELLED, {})
        name = inside.replace("/", "_")
        twice += [inside] if name in of_class else []
        of_class[name] = path
    if unknown:
        raise ValueError(
            f"{len(unknown):,} images of '{folder}' are not in the table of labels: "
            f"{first_five(unknown)}; is it the table of another set?"
        )
    if twice or not found:
        fault = f"two images that would have one name: {first_five(twice)}" if twice else "no image"
        raise ValueError(f"a table of labels is given, but '{folder}' has {fault}")
    if labels and not of_others and (absent := sorted(labels.keys() - used.keys())):
        logger.warning("the table of labels has files not in '%s': %s", folder, first_five(absent))
    return found


def _drawn(contents: Mapping[str, set[str]], share: float) -> set[str]:
    """Hashes of the images to keep for validation, of each class one at least and not all."""
    every = set[str]().union(*contents.values())
    drawn = {sha256 for sha256 in every if int(sha256[:16], 16) < share * 2**64}
    for of_class in filter(None, contents.values()):
        if not of_class & drawn:
            drawn.add(min(of_class))
        if of_class <= drawn:
            drawn.discard(max(of_class))
    without = [name for name, of in contents.items() if of <= drawn or not of & drawn]
    if without:
        raise ValueError(
            f"acquisition.val_share is {share}, but these classes have too few different images to "
            f"divide: {first_five(sorted(without))}; add images or leave the classes out"
        )
    return drawn
