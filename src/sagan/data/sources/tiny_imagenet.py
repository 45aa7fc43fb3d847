"""Source `tiny_imagenet`: Tiny ImageNet as published.

    train/<wnid>/images/*.JPEG
    val/images/*.JPEG, val/val_annotations.txt
    words.txt                                   titles of the classes

It is linked into a class folder, or extracted from its zip first. `test/` has no labels and is left
out. A copy that is sorted into `train/<class>/*` is a class folder already.
"""

from pathlib import Path

from sagan.data.class_titles import read_titles
from sagan.data.sources.labels import read_labels
from sagan.data.sources.tree import SourceTree, class_folders, loose_by_class


def read_tiny_imagenet(path: Path) -> SourceTree:
    """Find the images and their labels.

    Args:
        path: The folder that holds `train/`, or one above it.

    Raises:
        FileNotFoundError: if the layout is not the published one.
    """
    root = next((p for p in (path, path / "tiny-imagenet-200") if (p / "train").is_dir()), None)
    if root is None:
        raise FileNotFoundError(
            f"'{path}' is not Tiny ImageNet: expected train/<wnid>/images/*.JPEG, "
            "val/images/*.JPEG and val/val_annotations.txt"
        )
    # rearranged copies have no images/ in between
    tree = SourceTree(folders={"train": _classes(root / "train")})
    if (root / "words.txt").is_file():
        titles = read_titles(root / "words.txt")  # of all of WordNet
        tree.titles = {name: titles[name] for name in tree.classes if name in titles}
    val = root / "val"
    if (val / "images").is_dir():
        if not (val / "val_annotations.txt").is_file():
            raise FileNotFoundError(f"'{val}' has no val_annotations.txt, which has its labels")
        labels = read_labels(val / "val_annotations.txt")
        tree.loose["val"] = loose_by_class(val / "images", labels)
    elif val.is_dir():
        tree.folders["val"] = _classes(val)
    return tree


def is_rearranged(path: Path) -> bool:
    """Whether the folder is a copy whose images lie in the class folders directly."""
    train = path / "train"
    published = class_folders(train, below="images") if train.is_dir() else None
    return published == {} and not (path / "val/images").is_dir()


def _classes(split: Path) -> dict[str, Path]:
    return class_folders(split, below="images") or class_folders(split)
