"""Drawing primitives of grids and attention maps: enlarged tiles, text, colours."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

BACKGROUND = (255, 255, 255)
INK = (33, 37, 41)
FAINT_INK = (108, 117, 125)
ELLIPSIS = "…"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size_px: int) -> Font:
    """Pillow's built-in font, the same on every machine."""
    return ImageFont.load_default(size_px)


def enlargement(image_size: int, tile_px: int) -> int:
    """The integer factor that brings an image nearest to `tile_px`, at least 1."""
    return max(1, round(tile_px / image_size))


def enlarge(image: np.ndarray, factor: int) -> Image.Image:
    """uint8 [3, H, W] -> image enlarged by nearest-neighbour interpolation."""
    return Image.fromarray(image.transpose(1, 2, 0).repeat(factor, axis=0).repeat(factor, axis=1))


def text_width(text: str, size_px: int) -> int:
    """Width of a line of text [px]."""
    return round(font(size_px).getlength(text))


def shorten(text: str, size_px: int, max_px: int) -> str:
    """The text, cut with an ellipsis if it is wider than `max_px`."""
    if text_width(text, size_px) <= max_px:
        return text
    while text and text_width(text + ELLIPSIS, size_px) > max_px:
        text = text[:-1]
    return text + ELLIPSIS


def blank(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A white image and its drawing context."""
    page = Image.new("RGB", (width, height), BACKGROUND)
    return page, ImageDraw.Draw(page)


def text_picture(text: str) -> np.ndarray:
    """An image of one line of text: uint8 [H, W, 3]."""
    size_px, margin = 18, 24
    page, pen = blank(text_width(text, size_px) + 2 * margin, size_px + 2 * margin)
    pen.text((margin, page.height // 2), text, INK, font(size_px), anchor="lm")
    return np.asarray(page)
