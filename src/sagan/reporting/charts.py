"""Line charts as inline SVG: whole without a script, and with the page's own they can be zoomed."""

from collections.abc import Iterable, Sequence
from html import escape
from math import floor, log10
from typing import Any

from sagan.reporting.curves import Chart, Curve, Mark

WIDTH, HEIGHT = 460, 230  # in the units of the text size, so that a phone's column stays legible
LEFT, RIGHT, TOP, BOTTOM = 64, 10, 10, 34
_COLOURS = 6  # classes .c0 to .c5 in the page's style sheet
_LABEL_WIDTH = 9  # of one character, about


def line_chart(chart: Chart) -> str:
    """Draw a chart as one `<svg>` element.

    Args:
        chart: At least one curve with at least one point.

    Returns:
        SVG; strokes have the classes `c0`, `c1`, ..., texts and grid lines are classed as well.
    """
    x_ticks = nice_ticks(*_range(x for curve in chart.curves for x in curve.x))
    y_ticks = nice_ticks(*_range(y for curve in chart.curves for y in curve.y))
    x_last = max(x for curve in chart.curves for x in curve.x)
    frame = _Frame((x_ticks[0], max(x_last, x_ticks[1])), (y_ticks[0], y_ticks[-1]))
    told = f"{chart.title}, {chart.unit}, over {chart.x_label}"
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(told)}">']
    parts.append('<g class="frame">')
    parts += [frame.horizontal(y) for y in y_ticks]
    parts += [frame.vertical_label(x) for x in x_ticks if x <= frame.x_last]
    parts.append("</g>")
    parts += [
        frame.line(curve, index % _COLOURS, chart.x_label)
        for index, curve in enumerate(chart.curves)
    ]
    if chart.mark is not None:
        parts.append(frame.mark(chart.mark, chart.x_label))
    middle = (LEFT + WIDTH - RIGHT) / 2
    label = f'<text class="axis" x="{middle:.0f}" y="{HEIGHT - 4}">{escape(chart.x_label)}</text>'
    return "".join([*parts, label, "</svg>"])


def chart_data(chart: Chart) -> dict[str, Any]:
    """What the page's script draws a part of the chart from: JSON-able, to six digits."""
    mark = chart.mark
    return {
        "axis": chart.x_label,
        "frame": [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM],
        "curves": [{"x": _short(curve.x), "y": _short(curve.y)} for curve in chart.curves],
        "mark": None if mark is None else _short([mark.x, mark.y]),
    }


def nice_ticks(low: float, high: float, at_most: int = 5) -> list[float]:
    """Round numbers that span a range.

    Args:
        low: The range's lower end.
        high: Its upper end, above the lower one.
        at_most: Intervals between them at most.

    Returns:
        Ascending, evenly spaced by 1, 2 or 5 times a power of ten; the first is at most `low`, the
        last at least `high`.
    """
    raw = (high - low) / at_most
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = floor(low / step + 1e-9)
    ticks = [first * step]
    while ticks[-1] < high - step * 1e-9:
        ticks.append((first + len(ticks)) * step)
    return ticks


def short_number(value: float) -> str:
    """A number for an axis: 1.2M, 40k, 0.25."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{suffix}"
    return f"{value:.4g}" if abs(value) > 1e-9 else "0"


class _Frame:
    """From numbers to places in the picture."""

    def __init__(self, x_range: tuple[float, float], y_range: tuple[float, float]) -> None:
        self._x0, self.x_last = x_range
        self._y0, self._y1 = y_range

    def x(self, value: float) -> float:
        return LEFT + (value - self._x0) / (self.x_last - self._x0) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        span = HEIGHT - TOP - BOTTOM
        return TOP + (self._y1 - value) / (self._y1 - self._y0) * span

    def horizontal(self, value: float) -> str:
        y = self.y(value)
        kind = "zero" if abs(value) < 1e-9 * (self._y1 - self._y0) else "grid"
        return (
            f'<path class="{kind}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
            f'<text class="y" x="{LEFT - 6}" y="{y + 4:.1f}">{short_number(value)}</text>'
        )

    def vertical_label(self, value: float) -> str:
        text = short_number(value)
        x = min(self.x(value), WIDTH - len(text) * _LABEL_WIDTH / 2)
        return f'<text x="{x:.1f}" y="{HEIGHT - 20}">{text}</text>'

    def line(self, curve: Curve, colour: int, x_label: str) -> str:
        points = [f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in zip(curve.x, curve.y, strict=True)]
        last = f"{curve.name}: {curve.y[-1]:.4g} at {curve.x[-1]:,g} {x_label}"
        if len(points) == 1:
            cx, cy = points[0].split()
            mark = f'<circle class="c{colour} dot" cx="{cx}" cy="{cy}" r="3">'
            return f"{mark}<title>{escape(last)}</title></circle>"
        path = f"M{points[0]}L" + " ".join(points[1:])
        return f'<path class="c{colour} line" d="{path}"><title>{escape(last)}</title></path>'

    def mark(self, mark: Mark, x_label: str) -> str:
        told = escape(f"{mark.name}: {mark.y:.4g} at {mark.x:,g} {x_label}")
        place = f'cx="{self.x(mark.x):.1f}" cy="{self.y(mark.y):.1f}"'
        return f'<circle class="mark" {place} r="5"><title>{told}</title></circle>'


def _short(values: Sequence[float]) -> list[float]:
    """To six digits; whole numbers as such, which saves the page a byte or two each."""
    rounded = (float(f"{value:.6g}") for value in values)
    return [int(value) if value.is_integer() else value for value in rounded]


def _range(values: Iterable[float]) -> tuple[float, float]:
    numbers = list(values)
    low, high = min(numbers), max(numbers)
    if high - low > 1e-12 * max(abs(high), abs(low), 1e-12):
        return low, high
    return low - max(abs(low), 1) / 2, high + max(abs(high), 1) / 2
