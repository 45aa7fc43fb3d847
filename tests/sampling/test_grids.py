from pathlib import Path

import numpy as np
import pytest
from matplotlib import get_data_path

from sagan.sampling import drawing
from sagan.sampling.grids import GAP_PX, MARGIN_PX, choose_classes, class_grid


@pytest.mark.parametrize(
    ("num_classes", "at_most", "chosen"),
    [(3, 10, [0, 1, 2]), (10, 4, [0, 3, 6, 9]), (1000, 3, [0, 500, 999]), (5, 1, [0])],
)
def test_chooses_evenly(num_classes, at_most, chosen):
    assert choose_classes(num_classes, at_most) == chosen


def plain(level: int) -> np.ndarray:
    return np.full((3, 8, 8), level, np.uint8)


def test_rows_are_classes_in_the_order_given():
    images = np.stack([plain(level) for level in (10, 20, 30, 40)])
    labels = np.array([2, 0, 2, 0])

    grid = class_grid(images, labels, ["zero", "one", "two"], tile_px=24)

    tile, pitch = 24, 24 + GAP_PX
    assert grid.dtype == np.uint8
    assert grid.shape[0] == 2 * pitch + 2 * MARGIN_PX
    left = grid.shape[1] - MARGIN_PX - 2 * pitch
    corners = [[(MARGIN_PX + row * pitch, left + col * pitch) for col in (0, 1)] for row in (0, 1)]
    levels = [[grid[y : y + tile, x : x + tile] for y, x in row] for row in corners]
    assert [[int(np.unique(tile).item()) for tile in row] for row in levels] == [[10, 30], [20, 40]]
    assert (grid[:, :left] < 128).any(), "the names are drawn"


def test_enlarging_repeats_pixels():
    image = np.arange(3 * 4).reshape(3, 2, 2).astype(np.uint8)

    enlarged = np.asarray(drawing.enlarge(image, 3))

    assert enlarged.shape == (6, 6, 3)
    assert (enlarged[::3, ::3].transpose(2, 0, 1) == image).all()
    assert (enlarged[:3, :3] == enlarged[0, 0]).all()


@pytest.mark.parametrize(("size", "tile", "factor"), [(8, 64, 8), (128, 64, 1), (16, 60, 4)])
def test_enlargement_is_a_whole_factor(size, tile, factor):
    assert drawing.enlargement(size, tile) == factor


def test_long_names_are_cut():
    name = "a class name that goes on and on and on and on"

    cut = drawing.shorten(name, 14, 100)

    assert cut.endswith(drawing.ELLIPSIS)
    assert drawing.text_width(cut, 14) <= 100
    assert drawing.shorten("dog", 14, 100) == "dog"


def test_an_empty_grid_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        class_grid(np.empty((0, 3, 8, 8), np.uint8), np.empty(0, np.int64), ["a"], 64)


def ink(text: str) -> np.ndarray:
    return drawing.text_picture(text)


def test_letters_of_latin_greek_and_cyrillic_are_drawn_and_accents_composed():
    missing = ink("\U0010fffd")  # no font has this character
    pictures = [ink(letter) for letter in "äéłžΩЖ"]
    for letter, picture in zip("äéłžΩЖ", pictures, strict=True):
        assert drawing.drawable(letter, 0) == letter
        assert not np.array_equal(picture, missing)
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)
    assert drawing.drawable("Ka\u0308fer", 0) == "Käfer", "as macOS spells file names"


def test_other_letters_need_a_font_of_the_system_or_become_the_number(monkeypatch):
    monkeypatch.setattr(drawing, "_system_fonts", list)
    drawing._font_file.cache_clear()
    assert drawing.drawable("\ue0e1", 3) == "class 3"  # has a glyph in STIX alone
    stix = Path(get_data_path(), "fonts", "ttf", "STIXNonUni.ttf")
    monkeypatch.setattr(drawing, "_system_fonts", lambda: [__file__, str(stix)])
    drawing._font_file.cache_clear()
    assert drawing.drawable("\ue0e1", 3) == "\ue0e1"
    assert drawing.font(12, "\ue0e1").path == str(stix)
    drawing._font_file.cache_clear()


def test_control_characters_of_names_are_drawn_as_escapes():
    assert drawing.drawable("a\nb\x1b", 0) == "a\\nb\\x1b"
