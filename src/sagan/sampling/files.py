"""Samples as PNG files, in a folder for each class."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from sagan.common.files import replacing_folder
from sagan.common.naming import folder_name
from sagan.common.text import visible
from sagan.sampling.drawing import as_pixels

_WRITTEN = re.compile(r"\d{6,}\.png")


def write_pngs(
    folder: Path, images: np.ndarray, class_labels: np.ndarray, class_names: Sequence[str]
) -> None:
    """Write `<class>/<index>.png`, grey or RGB, in place of what was written there before.

    Args:
        folder: holds the classes' folders; an index is that of the sample among all.
        images: uint8 [N, C, H, W].
        class_labels: int64 [N].
        class_names: K names; label k is `class_names[k]`, its folder's name `folder_name` of it.

    Raises:
        FileExistsError: if the folder has anything else, which would be lost.
    """
    if (other := _foreign(folder)) is not None:
        raise FileExistsError(
            f"'{visible(str(other))}' is no sample that was written here before; samples replace "
            f"the whole of '{folder}': move it, or choose another folder"
        )
    with replacing_folder(folder, sync=False) as temporary:
        for index, (image, label) in enumerate(zip(images, class_labels.tolist(), strict=True)):
            path = temporary / folder_name(class_names[label]) / f"{index:06d}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(as_pixels(image)).save(path)


def _foreign(folder: Path) -> Path | None:
    """Something in the folder that `write_pngs` did not write."""
    if not folder.is_dir():
        return folder if folder.exists() else None
    for entry in folder.iterdir():
        inside = list(entry.iterdir()) if entry.is_dir() else []
        other = [path for path in inside if path.is_dir() or not _WRITTEN.fullmatch(path.name)]
        if other or not inside:
            return other[0] if other else entry
    return None
