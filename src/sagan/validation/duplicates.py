"""Duplicate images, found by their hashes: within a split, across splits, across classes.

A duplicate within training gives its image double weight, one of validation in training makes every
comparison with validation too good, and one in another class has two labels.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def find_duplicates(decodable: "pd.DataFrame") -> "dict[str, pd.Series]":
    """For every image the path of a duplicate, by kind, or None.

    Args:
        decodable: the manifest's decodable rows.

    Returns:
        copy_of: an earlier image of the same split; copy_in_train: for a validation image, one of
        the training split; copy_in_other_class: an earlier one of another class. object [rows].
    """
    # few files are duplicates; a missing hash equals nothing
    several = decodable["sha256"].duplicated(keep=False) & decodable["sha256"].notna()
    rows = decodable[several]
    first = rows.groupby("sha256")[["path", "class_name"]].transform("first")
    in_train = rows["split"] == "train"
    trained = rows[in_train].drop_duplicates("sha256").set_index("sha256")["path"]
    found = {
        "copy_of": _other_first(rows.groupby(["sha256", "split"])["path"]),
        "copy_in_train": rows["sha256"].map(trained).mask(in_train),
        "copy_in_other_class": first["path"].where(first["class_name"] != rows["class_name"]),
    }
    return {name: _scattered(paths, decodable.index) for name, paths in found.items()}


def first_with_same_text(texts: "pd.Series", paths: "pd.Series") -> "pd.Series":
    """For every row the path of an earlier one with the same text, or None."""
    several = texts.duplicated(keep=False)
    return _scattered(_other_first(paths[several].groupby(texts[several])), paths.index)


def _other_first(paths: "pd.api.typing.SeriesGroupBy[str, Any]") -> "pd.Series":
    """For every row the first path of its group, where that is another row's."""
    return paths.transform("first").mask(paths.cumcount() == 0)


def _scattered(paths: "pd.Series", index: "pd.Index") -> "pd.Series":
    """The paths at their rows, None at all others."""
    return paths.astype(object).reindex(index).where(lambda found: found.notna(), None)
