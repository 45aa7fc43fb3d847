"""Tables of labels of a flat val/, read from the formats of ImageNet's publishers."""

import csv
from pathlib import Path

from sagan.data.folder_names import first_five
from sagan.data.sources.devkit import TRUTH, is_devkit, read_devkit

_KAGGLE_HEADER = ["ImageId", "PredictionString"]
_HEADERS = frozenset({"ImageId", "file", "filename", "file_name", "image", "path"})


def read_val_labels(path: Path) -> dict[str, str]:
    """Class of each validation image by file name, from any of the published tables.

    Args:
        path: The devkit (archive or folder), Kaggle's LOC_val_solution.csv, Tiny ImageNet's
            val_annotations.txt, or CSV lines of `file,class`
            (also separated by tabs or semicolons; a name may have spaces and be quoted).

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if it is none of these formats.
    """
    if not path.exists():
        raise FileNotFoundError(f"acquisition.val_labels: '{path}' does not exist")
    if is_devkit(path):
        return read_devkit(path)[0]
    text = path.read_text(encoding="utf-8-sig")
    if path.name == TRUTH:
        raise ValueError(
            f"'{path}' gives numbers whose classes are in the devkit's meta.mat: "
            "name the devkit (its archive or its folder) instead"
        )
    delimiter = next((sign for sign in "\t,;" if sign in text.partition("\n")[0]), ",")
    try:
        rows = list(
            csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True, strict=True)
        )
    except csv.Error as error:
        raise ValueError(f"'{path}' is not a table of 'file,class': {error}") from error
    kaggle = rows[:1] == [_KAGGLE_HEADER]
    named = [row for row in rows if len(row) >= 2 and row[1].strip() and row[0] not in _HEADERS]
    if not named:
        raise ValueError(f"'{path}' has no line of 'file,class'")
    # Kaggle's second field is the class and its boxes: 'n02002556 10 20 30 40 ...'
    labels = {row[0].strip(): row[1].split()[0] if kaggle else row[1].strip() for row in named}
    wrong = {name for name in labels.values() if name[0] == "." or {"/", "\\"} & {*name}}
    if wrong:
        raise ValueError(
            f"'{path}' has classes that cannot be names of folders: {first_five(sorted(wrong))}"
        )
    return labels


def folder_of(val_labels: Path | None) -> list[Path]:
    """Folder of a table of labels, or of the devkit, where titles of classes may be too."""
    if val_labels is None:
        return []
    return [val_labels if val_labels.is_dir() else val_labels.parent]
