"""The common form of a source: paths of the images of each class, and titles of the classes.

Sources differ only in how they build it; selecting a part and linking it into one class folder is
the same for all.
"""

from dataclasses import dataclass, field
from pathlib import Path

from sagan.data.folder_names import file_names, first_five, folder_names
from sagan.data.image_folder import SPLITS


@dataclass
class SourceTree:
    """Paths of the images; nothing is copied."""

    folders: dict[str, dict[str, Path]] = field(default_factory=dict)
    """By split and class, the folder that holds the images of the class directly."""
    loose: dict[str, dict[str, list[Path]]] = field(default_factory=dict)
    """By split and class, images of a flat folder, by a table of labels."""
    titles: dict[str, str] = field(default_factory=dict)
    """Titles of the classes, as far as they are known."""

    @property
    def classes(self) -> list[str]:
        """Sorted names of the training classes."""
        return sorted(self.folders.get("train", {}))

    @property
    def splits(self) -> list[str]:
        """Splits that have images, training first."""
        return [split for split in SPLITS if self.folders.get(split) or self.loose.get(split)]

    def files(self, split: str, class_name: str) -> list[Path]:
        """The images of a class in one split, sorted by name."""
        if class_name in self.loose.get(split, {}):
            return sorted(self.loose[split][class_name])
        folder = self.folders.get(split, {}).get(class_name)
        return visible_files(folder) if folder else []


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


def loose_by_class(files: list[Path], labels: dict[str, str]) -> dict[str, list[Path]]:
    """Images of a flat folder by class.

    Args:
        files: The images.
        labels: Class by file name; without its suffix where the table has it so.

    Raises:
        ValueError: if an image has no label.
    """
    found: dict[str, list[Path]] = {}
    unknown = []
    for file in files:
        label = labels.get(file.name) or labels.get(file.stem)
        if label is None:
            unknown.append(file.name)
        else:
            found.setdefault(label, []).append(file)
    if unknown:
        raise ValueError(
            f"{len(unknown):,} images of '{files[0].parent}' are not in the table of labels: "
            f"{first_five(unknown)}; is it the table of another set?"
        )
    return found
