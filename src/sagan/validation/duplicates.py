"""Duplicate images, found by their hashes: within a split, across splits, across classes.

A duplicate within training gives its image double weight, one of validation in training makes every
comparison with validation too good, and one in another class has two labels.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def find_duplicates(decodable: "pd.DataFrame") -> "dict[str, NDArray[np.object_]]":
    """For every image the path of a duplicate, by kind, or None.

    Args:
        decodable: the manifest's decodable rows.

    Returns:
        copy_of: an earlier image of the same split; copy_in_train: for a validation image, one of
        the training split; copy_in_other_class: an earlier one of another class. object [rows].
    """
    import pandas as pd

    # few files are duplicates; a missing hash equals nothing
    several = (decodable["sha256"].duplicated(keep=False) & decodable["sha256"].notna()).to_numpy()
    duplicates = decodable[several]
    paths = duplicates["path"].to_numpy(dtype=object)
    content = pd.factorize(duplicates["sha256"])[0]
    in_train = (duplicates["split"] == "train").to_numpy()
    classes = pd.factorize(duplicates["class_name"])[0]

    rows = np.arange(len(content))
    first, first_in_split = _first(content), _first(2 * content + in_train)
    in_training = dict(zip(content[in_train][::-1], rows[in_train][::-1], strict=True))
    matches = np.array([in_training.get(code, -1) for code in content], dtype=np.int64)
    found = {
        "copy_of": np.where(first_in_split != rows, first_in_split, -1),
        "copy_in_train": np.where(in_train, -1, matches),
        "copy_in_other_class": np.where(classes != classes[first], first, -1),
    }
    return {name: _scattered(_named(paths, match), several) for name, match in found.items()}


def first_with_same_text(texts: "pd.Series", paths: "pd.Series") -> "NDArray[np.object_]":
    """For every row the path of an earlier one with the same text, or None."""
    import pandas as pd

    several = texts.duplicated(keep=False).to_numpy()
    first = _first(pd.factorize(texts[several])[0])
    matches = np.where(first != np.arange(len(first)), first, -1)
    return _scattered(_named(paths[several].to_numpy(dtype=object), matches), several)


def _scattered(values: "NDArray[np.object_]", chosen: NDArray[np.bool_]) -> "NDArray[np.object_]":
    """The values at the chosen rows, None at all others."""
    scattered = np.full(len(chosen), None, dtype=object)
    scattered[chosen] = values
    return scattered


def _first(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the first row with the same code, int64 [rows]."""
    _, index, inverse = np.unique(codes, return_index=True, return_inverse=True)
    first: NDArray[np.int64] = index[inverse].astype(np.int64)
    return first


def _named(paths: "NDArray[np.object_]", indices: NDArray[np.int64]) -> "NDArray[np.object_]":
    """Paths by row, None where the index is -1."""
    named = np.full(len(indices), None, dtype=object)
    there = indices >= 0
    named[there] = paths[indices[there]]
    return named
