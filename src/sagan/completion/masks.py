"""Masks, bool [S, S], True where a pixel is hidden: named regions, boxes, mask images."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Mask = NDArray[np.bool_]
NONE, ALPHA, RANDOM = "none", "alpha", "random"
# corners as shares of the side, x before y
REGIONS = {
    "lower_half": ((0, 0.5), (1, 0.5), (1, 1), (0, 1)),
    "left_half": ((0, 0), (0.5, 0), (0.5, 1), (0, 1)),
    "center": ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)),
    # from below the eyes to the chin, as it lies on a centred face
    "surgical_mask": ((0.2, 0.5), (0.8, 0.5), (0.7, 0.95), (0.3, 0.95)),
}
NAMES = (NONE, ALPHA, RANDOM, *REGIONS)


def is_box(text: str) -> bool:
    """Whether a text is four numbers with commas between them, whatever their values."""
    return len(_numbers(text)) == 4


def _numbers(text: str) -> list[float]:
    """Numbers with commas between them; none if something else is there."""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []


def region(name: str, size: int) -> Mask:
    """A named region; a pixel is hidden if its centre lies in it."""
    scale = 16  # drawn larger and read at the centres, where Pillow's own edges do not matter
    corners = [(x * size * scale, y * size * scale) for x, y in REGIONS[name]]
    drawn = Image.new("L", (size * scale, size * scale))
    ImageDraw.Draw(drawn).polygon(corners, fill=255)
    middle = slice(scale // 2, None, scale)
    return np.asarray(drawn)[middle, middle] > 0


def box(text: str, size: int) -> Mask:
    """A box `left,top,right,bottom`, right and bottom exclusive, in pixels of the prepared image.

    Where one of the numbers has a point, all four are shares of the side.

    Raises:
        ValueError: if it reaches beyond the image or has no pixel.
    """
    numbers = np.array(_numbers(text)) * (size if "." in text else 1)
    left, top, right, bottom = rounded = np.rint(numbers)
    if not (0 <= left < right <= size and 0 <= top < bottom <= size):  # nor where one is NaN
        pixels = ",".join(f"{number:.0f}" for number in rounded)
        raise ValueError(
            f"mask '{text}' is {pixels} in pixels: expected left,top,right,bottom with "
            f"left < right and top < bottom within 0..{size}, or as shares with a point, 0.0..1.0"
        )
    hidden = np.zeros((size, size), dtype=bool)
    hidden[int(top) : int(bottom), int(left) : int(right)] = True
    return hidden


def random_box(random: np.random.Generator, size: int) -> Mask:
    """A box with sides of 0.4 to 0.8 of the image's, anywhere in it."""
    height, width = (max(1, round(size * side)) for side in random.uniform(0.4, 0.8, 2))
    top, left = random.integers(0, size - height + 1), random.integers(0, size - width + 1)
    hidden = np.zeros((size, size), dtype=bool)
    hidden[top : top + height, left : left + width] = True
    return hidden


def random_mask(random: np.random.Generator, size: int) -> Mask:
    """What the encoder is trained under: a random box, a named region, or nothing hidden."""
    if random.random() < 0.5:
        return random_box(random, size)
    name = random.choice([NONE, *REGIONS])
    return np.zeros((size, size), dtype=bool) if name == NONE else region(name, size)
