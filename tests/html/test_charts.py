"""Charts: sound SVG, every curve and number in it, one drawing for both themes."""

import re
from xml.etree import ElementTree

import pytest

from sagan.html.charts import COLOURS, Chart, Curve, Mark, _tick_text, draw_svg

SVG = "{http://www.w3.org/2000/svg}"


def chart(*curves: Curve, **options) -> Chart:
    return Chart("T & U", "unit", curves, **options)


def texts(svg: str) -> list[str]:
    return [text.text for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def lines(svg: str, colour: int = 0) -> list[list[tuple[float, float]]]:
    """Points of each line of a colour."""
    found = [
        path.get("d")
        for path in ElementTree.fromstring(svg).iter(f"{SVG}path")
        if f"stroke: var(--c{colour}, " in path.get("style", "")
        and "fill: none" in path.get("style")
    ]
    return [
        [(float(x), float(y)) for x, y in re.findall(r"[ML] (-?[\d.]+) (-?[\d.]+)", d)]
        for d in found
    ]


def test_a_line_runs_from_left_to_right_and_large_values_are_on_top() -> None:
    (line,) = lines(draw_svg(chart(Curve("a", [0.0, 50.0, 100.0], [0.0, 1.0, 0.5]))))
    (x0, y0), (x1, y1), (x2, y2) = line
    assert x0 < x1 < x2
    assert y1 < y2 < y0


def test_text_is_text_and_the_chart_is_described() -> None:
    svg = draw_svg(chart(Curve('a <"b">', [0.0, 100.0], [0.0, 0.5]), x_label="steps"))
    assert {"steps", "0.5", "100"} <= set(texts(svg))
    told = ElementTree.fromstring(svg).get("aria-label")
    assert told == 'T & U; unit; steps; last values: a <"b"> 0.5'


def test_colours_are_the_pages_variables_with_the_light_theme_outside_a_page() -> None:
    curves = [Curve(str(number), [0.0, 1.0], [0.0, 1.0]) for number in range(len(COLOURS) + 1)]
    svg = draw_svg(chart(*curves))
    for number, colour in enumerate(COLOURS):
        assert f"var(--c{number}, {colour})" in svg
    without = re.sub(r"var\(--\w+, #\w{6}\)", "", svg)
    assert set(re.findall(r"(?:fill|stroke): (#\w+)", without)) == set()


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0], [0.0, 0.0]])
def test_flat_curve_and_single_point_are_drawn(values: list[float]) -> None:
    svg = draw_svg(chart(Curve("flat", [float(index) for index in range(len(values))], values)))
    assert "nan" not in svg
    assert svg.count("<use ") == len(values), "a few points are marked"


def test_a_band_a_mark_and_labelled_points_are_drawn() -> None:
    band = Curve("band", [0.0, 1.0], [1.0, 2.0], low=[0.5, 1.5], high=[1.5, 2.5])
    points = Curve("points", [0.0, 1.0], [1.0, 2.0], line=False, labels=["first", "second"])
    svg = draw_svg(chart(band, points, mark=Mark("best", 1.0, 2.0)))
    assert "fill-opacity: 0.12" in svg
    assert {"first", "second"} <= set(texts(svg))
    assert "stroke: var(--ink" in svg, "the ring"
    assert list(chart(band, points).legend()) == [("c0", "band", "2"), ("c1", "points", "")]


def test_logarithmic_axes_have_1_2_and_5_of_each_decade() -> None:
    svg = draw_svg(chart(Curve("a", [0.0, 1.0], [3.0, 219.0]), log="y"))
    assert {"5", "10", "20", "50", "100", "200"} <= set(texts(svg))
    narrow = draw_svg(chart(Curve("a", [0.0, 1.0], [3.1, 3.2]), log="y"))
    assert len([text for text in texts(narrow) if text.startswith("3.")]) >= 2


def test_categories_are_named_at_the_axis() -> None:
    svg = draw_svg(chart(Curve("", ["constant", "linear"], [1.0, 2.0], line=False)))
    assert {"constant", "linear"} <= set(texts(svg))


def test_the_unit_square_has_equal_axes() -> None:
    svg = draw_svg(chart(Curve("a", [0.0, 1.0], [0.0, 1.0]), unit_square=True))
    (line,) = lines(svg)
    assert abs(line[1][0] - line[0][0]) == pytest.approx(abs(line[1][1] - line[0][1]), abs=0.1)


def test_a_drawing_is_reproducible_and_its_ids_are_its_own() -> None:
    one, other = (Chart(title, "unit", [Curve("a", [0.0], [1.0])]) for title in ("one", "other"))
    ids = [set(re.findall(r'id="(\w+)"', draw_svg(drawn))) for drawn in (one, other)]
    assert draw_svg(one) == draw_svg(one)
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_standalone_chart_has_its_title_and_legend() -> None:
    svg = draw_svg(chart(Curve("sagan", [0.0, 1.0], [0.0, 1.0])), standalone=True)
    assert {"sagan", "T & U, unit"} <= set(texts(svg))


def test_numbers_on_axes_are_short() -> None:
    shown = [_tick_text(value) for value in (0, 1e-17, 0.25, -12, 40_000, 1.2e6, 2.56e8, 3e9)]
    assert shown == ["0", "0", "0.25", "-12", "40k", "1.2M", "256M", "3G"]
