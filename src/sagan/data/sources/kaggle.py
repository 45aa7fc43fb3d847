"""Source `kaggle`: ImageNet as Kaggle's object localization challenge lays it out.

    ILSVRC/Data/CLS-LOC/train/<wnid>/*.JPEG
    ILSVRC/Data/CLS-LOC/val/*.JPEG          flat
    LOC_val_solution.csv                    labels of val
    LOC_synset_mapping.txt                  titles of the classes

Nothing is copied.
"""

from pathlib import Path

from sagan.data.class_titles import find_titles
from sagan.data.sources.labels import read_labels
from sagan.data.sources.tree import SourceTree, class_folders, loose_by_class, visible_files

SOLUTION, MAPPING = "LOC_val_solution.csv", "LOC_synset_mapping.txt"


def read_kaggle(path: Path) -> SourceTree:
    """Find the images and their labels.

    Args:
        path: The extracted competition, or any folder between it and `CLS-LOC`.

    Raises:
        FileNotFoundError: if the images or the labels are missing.
    """
    images = _images(path)
    above = (path, *path.parents[:3])
    tables = [folder / SOLUTION for folder in above if (folder / SOLUTION).is_file()]
    tree = SourceTree(folders={"train": class_folders(images / "train")})
    tree.titles = find_titles(above, tree.classes)
    if not (images / "val").is_dir():
        return tree
    folders, files = class_folders(images / "val"), visible_files(images / "val")
    if folders and not files:
        tree.folders["val"] = folders  # somebody has sorted it
    elif not tables:
        raise FileNotFoundError(
            f"'{images / 'val'}' is flat and there is no {SOLUTION} above it: put it into '{path}'"
        )
    elif files:
        tree.loose["val"] = loose_by_class(images / "val", read_labels(tables[0]))
    return tree


def _images(path: Path) -> Path:
    for below in ("ILSVRC/Data/CLS-LOC", "Data/CLS-LOC", "CLS-LOC", "."):
        if (path / below / "train").is_dir():
            return path / below
    raise FileNotFoundError(
        f"'{path}' is not Kaggle's ImageNet: expected ILSVRC/Data/CLS-LOC/train/<wnid>/*.JPEG, "
        f"ILSVRC/Data/CLS-LOC/val/*.JPEG, {SOLUTION} and {MAPPING}"
    )
