"""Source `digits`: scikit-learn's handwritten digits, without a download.

They are written as ordinary image files, so that they take the same path as ImageNet.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from sagan.common.files import replacing_folder
from sagan.data.image_folder import ImageFolder
from sagan.data.written_folder import check_unchanged, holds_nothing

# every sixth image of a class is kept for validation
VAL_EVERY = 6
DIGITS_WHITE = 16  # scikit-learn stores grey levels 0..16


def write_digits(target: Path) -> ImageFolder:
    """Write the 1,797 digits as `train|val/<digit>/<row>.png`, 8x8, 8-bit grayscale.

    A complete folder is reused. Every sixth image of a class goes to `val/`.

    Raises:
        FileExistsError: if digits of the folder are missing or changed.
    """
    pictures = digit_pictures()
    if not holds_nothing(target):
        files = {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()}
        lost = {name for name, pixels in pictures.items() if not _holds(target / name, pixels)}
        check_unchanged(target, lost, files - pictures.keys())
        return ImageFolder.open(target)
    with replacing_folder(target, sync=False) as folder:
        for name, pixels in pictures.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name)
    return ImageFolder.open(target)


def digit_pictures() -> dict[str, np.ndarray]:
    """Scikit-learn's digits by file name: uint8 [8, 8] each, 0..16 stretched to 0..255."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / DIGITS_WHITE)).astype(np.uint8)
    seen = [0] * 10
    pictures = {}
    for row, label in enumerate(digits.target):
        split = "val" if seen[label] % VAL_EVERY == VAL_EVERY - 1 else "train"
        seen[label] += 1
        pictures[f"{split}/{label}/{row:04d}.png"] = pixels[row]
    return pictures


def _holds(path: Path, pixels: np.ndarray) -> bool:
    try:
        with Image.open(path) as image:
            return image.mode == "L" and np.array_equal(np.asarray(image), pixels)
    except (OSError, SyntaxError):  # what Pillow raises on a damaged PNG
        return False
