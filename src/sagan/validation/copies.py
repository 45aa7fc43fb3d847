"""Images of the same content, found by their hashes: within a split, across splits, across classes.

Copies within training weigh their image double; a validation image that is in training too makes
every comparison with validation too good; a content under two classes gives it two labels.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def find_copies(decodable: "pd.DataFrame") -> "dict[str, NDArray[np.object_]]":
    """For every image the path of another with its content, by kind of copy, or None.

    Args:
        decodable: rows of the manifest that go on.

    Returns:
        copy_of: an earlier image of the same split; copy_in_train: for a validation image, one of
        the training split; copy_in_other_class: an earlier one of another class. object [rows].
    """
    import pandas as pd

    paths = decodable["path"].to_numpy(dtype=object)
    content = pd.factorize(decodable["sha256"])[0]
    unknown = content < 0  # no hash: equal to nothing
    content[unknown] = np.arange(len(content))[unknown] + len(content)
    in_train = (decodable["split"] == "train").to_numpy()
    classes = pd.factorize(decodable["class_name"])[0]

    first_in_split = _first(2 * content + in_train)
    first = _first(content)
    in_training = pd.Series(np.flatnonzero(in_train), index=content[in_train])
    in_training = in_training[~in_training.index.duplicated()]
    twins = in_training.reindex(content).fillna(-1).to_numpy(dtype=np.int64)

    rows = np.arange(len(content))
    other_class = np.where(classes != classes[first], first, -1) if len(rows) else rows
    return {
        "copy_of": _named(paths, np.where(first_in_split != rows, first_in_split, -1)),
        "copy_in_train": _named(paths, np.where(in_train, -1, twins)),
        "copy_in_other_class": _named(paths, other_class),
    }


def first_of_its_kind(texts: "pd.Series", paths: "pd.Series") -> "NDArray[np.object_]":
    """For every row the path of an earlier one with the same text, or None."""
    import pandas as pd

    first = _first(pd.factorize(texts)[0])
    rows = np.arange(len(first))
    return _named(paths.to_numpy(dtype=object), np.where(first != rows, first, -1))


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
