"""Tables of labels of a flat val/, read from the formats of ImageNet's publishers."""

import re
from pathlib import Path

from sagan.data.sources.devkit import TRUTH, is_devkit, read_devkit


def read_val_labels(path: Path) -> dict[str, str]:
    """Class of each validation image by file name, from any of the published tables.

    Args:
        path: The devkit (archive or folder), Kaggle's LOC_val_solution.csv, Tiny ImageNet's
            val_annotations.txt, or lines of `file,class`.

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
    rows = [re.split(r"[,\t]", line.strip(), maxsplit=2) for line in text.splitlines()]
    named = [row for row in rows if len(row) >= 2 and row[1].strip()]
    rows = [row for row in named if row[0] not in ("ImageId", "file")]
    if not rows:
        raise ValueError(f"'{path}' has no line of 'file,class'")
    # Kaggle's second field is the class and its boxes: 'n02002556 10 20 30 40 ...'
    return {row[0].strip(): row[1].split()[0] for row in rows}


def folder_of(val_labels: Path | None) -> list[Path]:
    """Folder of a table of labels, or of the devkit, where titles of classes may be too."""
    if val_labels is None:
        return []
    return [val_labels if val_labels.is_dir() else val_labels.parent]
