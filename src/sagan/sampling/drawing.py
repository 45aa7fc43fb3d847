"""Drawing primitives of grids and attention maps: enlarged tiles, text, colours."""

import unicodedata
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, features

from sagan.common.text import visible

BACKGROUND = (255, 255, 255)
INK = (33, 37, 41)
FAINT_INK = (108, 117, 125)
ELLIPSIS = "…"


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@cache
def font(size_px: int, text: str = "") -> Font:
    """Pillow's own for ASCII; DejaVu Sans of matplotlib, or a font of the system, for the rest."""
    file = None if text.replace(ELLIPSIS, "").isascii() else _font_file(text)
    return ImageFont.truetype(file, size_px) if file else ImageFont.load_default(size_px)


def drawable(name: str, number: int, kind: str = "class") -> str:
    """A name of a class as one line that can be drawn, or its number: no font has its letters.

    `kind`: what else is named.
    """
    text = unicodedata.normalize("NFC", visible(name))
    return text if text.isascii() or _font_file(text) else f"{kind} {number}"


@cache
def _font_file(text: str) -> str | None:
    """The first font with all characters of a text; none where matplotlib is not installed."""
    try:
        from matplotlib import get_data_path
    except ImportError:
        return None
    dejavu = str(Path(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf"))
    wanted = [ord(char) for char in text if not char.isspace()]
    from_right = any(unicodedata.bidirectional(char) in {"R", "AL"} for char in text)
    if from_right and not features.check("raqm"):  # Pillow would draw it from the left
        return None
    if np.isin(wanted, _characters(dejavu)).all():
        return dejavu
    return next((f for f in _system_fonts() if np.isin(wanted, _characters(f)).all()), None)


@cache
def _characters(file: str) -> np.ndarray:
    """Code points of a font, int64 [N]; none where it cannot be drawn at any size."""
    from matplotlib.ft2font import FT2Font

    try:
        ImageFont.truetype(file, 12)
        return np.fromiter(FT2Font(file).get_charmap(), np.int64)
    except (OSError, RuntimeError):
        return np.empty(0, np.int64)


@cache
def _system_fonts() -> list[str]:
    """Upright fonts of normal weight first."""
    from matplotlib.font_manager import findSystemFonts  # slow to import

    return sorted(findSystemFonts(), key=lambda path: ("Regular" not in path, path))


def enlargement(image_size: int, tile_px: int) -> int:
    """The integer factor that brings an image nearest to `tile_px`, at least 1."""
    return max(1, round(tile_px / image_size))


def as_pixels(image: np.ndarray) -> np.ndarray:
    """uint8 [C, H, W] -> [H, W, 3], or [H, W] of one channel, as Pillow and matplotlib take it."""
    return image[0] if len(image) == 1 else image.transpose(1, 2, 0)


def enlarge(image: np.ndarray, factor: int) -> Image.Image:
    """uint8 [C, H, W] -> RGB image enlarged by nearest-neighbour interpolation."""
    pixels = as_pixels(image).repeat(factor, axis=0).repeat(factor, axis=1)
    return Image.fromarray(pixels).convert("RGB")  # for coloured marks


def text_width(text: str, size_px: int) -> int:
    """Width of a line of text [px]."""
    return round(font(size_px, text).getlength(text))


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
    pen.text((margin, page.height // 2), text, INK, font(size_px, text), anchor="lm")
    return np.asarray(page)
