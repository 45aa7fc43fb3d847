"""Thumbnails of the images that failed an expectation, as data URLs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sagan.data.manifest.inspection import open_image
from sagan.html.images import data_uri

SIDE_PX = 112
EACH = 6  # per expectation, so that no single fault takes the whole page


def offender_pictures(
    root: Path, images: Mapping[str, Sequence[tuple[str, str]]], limit: int
) -> list[dict[str, Any]]:
    """Thumbnails of offending images.

    Args:
        root: the image folder.
        images: path and caption, by name of the expectation that it failed.
        limit: pictures in total.

    Returns:
        one entry per picture: `expectation`, `path`, `said` (the caption), and `picture` as a data
        URL, or None if the file cannot be shown.
    """
    chosen = [(name, *image) for name, listed in images.items() for image in listed[:EACH]]
    return [
        {"expectation": name, "path": path, "said": caption, "picture": _thumbnail(root / path)}
        for name, path, caption in chosen[:limit]
    ]


def _thumbnail(path: Path) -> str | None:
    """A small picture as a data URL; None if the file is gone, broken or too large."""
    try:
        with open_image(path.read_bytes()) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 0):
                return None
            image.draft("RGB", (2 * SIDE_PX, 2 * SIDE_PX))
            small = image.convert("RGBA")
        small.thumbnail((SIDE_PX, SIDE_PX))
        ground = Image.new("RGBA", small.size, "white")
        shown = np.asarray(Image.alpha_composite(ground, small).convert("RGB"))
        return data_uri(shown, lossless_bytes=0)
    # the fault of the file is reported elsewhere; the page does without its picture
    except Exception:
        return None
