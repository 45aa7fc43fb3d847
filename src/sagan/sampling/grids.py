"""Sample grids with one labelled row per class."""

from collections.abc import Sequence

import numpy as np

from sagan.sampling import drawing

GAP_PX = 2
MARGIN_PX = 12
MAX_NAME_PX = 220


def choose_classes(num_classes: int, limit: int) -> list[int]:
    """At most `limit` of K classes, evenly spaced from the first to the last, in order."""
    count = min(num_classes, limit)
    return [round(float(label)) for label in np.linspace(0, num_classes - 1, count)]


def grid_bytes(rows: int, columns: int, image_size: int, tile_px: int) -> int:
    """Memory that a grid takes while it is drawn and written [bytes]."""
    side = image_size * drawing.enlargement(image_size, tile_px) + GAP_PX
    return 9 * rows * columns * side**2  # the page, its array and what the file is made of


def class_grid(
    images: np.ndarray, class_labels: np.ndarray, class_names: Sequence[str], tile_px: int
) -> np.ndarray:
    """Draw samples with one row per class, in order of first appearance.

    Args:
        images: uint8 [N, C, H, W].
        class_labels: int64 [N].
        class_names: K names; label k is `class_names[k]`.
        tile_px: small images are enlarged, by an integer factor, to about this side.

    Returns:
        uint8 [height, width, 3].

    Raises:
        ValueError: if there is no image.
    """
    if len(images) == 0:
        raise ValueError("a grid needs at least one image, got none")
    rows = [np.flatnonzero(class_labels == label) for label in dict.fromkeys(class_labels.tolist())]
    firsts = [int(class_labels[row[0]]) for row in rows]
    names = [drawing.drawable(class_names[label], label) for label in firsts]
    factor = drawing.enlargement(images.shape[-1], tile_px)
    height, width = (side * factor + GAP_PX for side in images.shape[-2:])
    size_px = int(np.clip(height // 4, 12, 22))
    names = [drawing.shorten(name, size_px, MAX_NAME_PX) for name in names]
    left = 2 * MARGIN_PX + max(drawing.text_width(name, size_px) for name in names)
    page, pen = drawing.blank(
        left + max(map(len, rows)) * width + MARGIN_PX, len(rows) * height + 2 * MARGIN_PX
    )
    for i, (name, row) in enumerate(zip(names, rows, strict=True)):
        top = MARGIN_PX + i * height
        anchor = (left - MARGIN_PX, top + height // 2)
        pen.text(anchor, name, drawing.INK, drawing.font(size_px, name), anchor="rm")
        for j, index in enumerate(row):
            page.paste(drawing.enlarge(images[index], factor), (left + j * width, top))
    return np.asarray(page)
