"""Source `digits`: scikit-learn's handwritten digits, without a download.

They are written as ordinary image files, so that they take the same path as ImageNet.
"""

import logging
from pathlib import Path

import numpy as np
from PIL import Image

from sagan.common.files import replacing_folder
from sagan.data.image_folder import ImageFolder

logger = logging.getLogger(__name__)

# every sixth image of a class is kept for validation
VAL_EVERY = 6
DIGITS_WHITE = 16  # scikit-learn stores grey levels 0..16


def write_digits(target: Path) -> ImageFolder:
    """Write the 1,797 digits as `train|val/<digit>/<row>.png`, 8x8, 8-bit grayscale.

    A complete folder is reused; anything else of that name is replaced atomically. Every sixth
    image of a class goes to `val/`.
    """
    pictures = digit_pictures()
    if _holds_exactly(target, pictures):
        return ImageFolder.open(target)
    if target.exists():
        logger.warning("'%s' is not the complete set of digits; replaced", target)
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


def _holds_exactly(folder: Path, pictures: dict[str, np.ndarray]) -> bool:
    """Whether the folder has these files, no others, with these pixels."""
    if not folder.is_dir():
        return False
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    if files != pictures.keys():
        return False
    try:
        return all(_same_pixels(folder / name, pixels) for name, pixels in pictures.items())
    except (OSError, SyntaxError):  # what Pillow raises on a damaged PNG
        return False


def _same_pixels(path: Path, pixels: np.ndarray) -> bool:
    with Image.open(path) as image:
        return image.mode == "L" and np.array_equal(np.asarray(image), pixels)
