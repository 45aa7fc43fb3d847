"""Small class folders of drawn shapes: the images of every test that needs some."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("circle", "square", "triangle", "cross", "bar", "ring")


def draw_image_folder(
    root: Path, classes: int = 3, per_class: int = 8, size: int = 24, val_per_class: int = 2
) -> Path:
    """Draw `train/<class>/*.png` and, if asked for, `val/<class>/*.png` under `root`.

    The same arguments give the same bytes; no two images are equal.

    Args:
        root: where the tree goes; made if it is missing.
        classes: number of classes; their names sort in drawing order ("00_circle", ...).
        per_class: training images a class.
        size: side of the square images, pixels.
        val_per_class: validation images a class; 0 leaves `val/` out.

    Returns:
        `root`.
    """
    random = np.random.default_rng(0)
    for label in range(classes):
        shape = SHAPES[label % len(SHAPES)]
        for split, count in (("train", per_class), ("val", val_per_class)):
            for number in range(count):
                path = root / split / f"{label:02d}_{shape}" / f"{number:04d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                draw_shape(shape, size, random).save(path)
    return root


def draw_shape(shape: str, size: int, random: np.random.Generator) -> Image.Image:
    """One RGB picture [size, size]: a coloured shape at a random place on a noisy ground."""
    ground = random.integers(0, 60, size=(size, size, 3), dtype=np.uint8)
    image = Image.fromarray(ground)
    draw = ImageDraw.Draw(image)
    colour = tuple(int(value) for value in random.integers(120, 256, size=3))
    side = size * 0.6
    left, top = (float(value) for value in random.uniform(0, size - side, size=2))
    right, bottom = left + side, top + side
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    width = max(1, size // 8)
    if shape == "circle":
        draw.ellipse((left, top, right, bottom), fill=colour)
    elif shape == "square":
        draw.rectangle((left, top, right, bottom), fill=colour)
    elif shape == "triangle":
        draw.polygon([(middle_x, top), (left, bottom), (right, bottom)], fill=colour)
    elif shape == "cross":
        draw.line((left, middle_y, right, middle_y), fill=colour, width=width)
        draw.line((middle_x, top, middle_x, bottom), fill=colour, width=width)
    elif shape == "bar":
        draw.rectangle((left, middle_y - width, right, middle_y + width), fill=colour)
    else:
        draw.ellipse((left, top, right, bottom), outline=colour, width=width)
    return image
