"""Charts of the HTML pages as inline SVG, drawn by matplotlib.

An SVG by matplotlib adds a few kB to a page (Plotly's library: 4.8 MB) and needs neither a network
nor a script. Colours are written as CSS variables of `base.css`, so that a chart follows the page's
light or dark theme; text stays text. A chart cannot be zoomed and shows no values under the
pointer: its legend has each curve's last value. `docs/decisions/charts.md` has the reasons.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from sagan.html.format import format_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEW_POINTS = 10  # of a curve that are marked one by one
NEUTRAL = -1  # colour of curves in the background
# of the light theme, by the names of the CSS variables; outside a page these colours are used
COLOURS = (
    *("#2a6fd0", "#d9541e", "#15946a", "#8a4fc7", "#b58200", "#c43a72"),
    *("#0f8fa8", "#6f7f1f", "#8c5a3c", "#4a4f9e"),
)
_VARIABLES = {"quiet": "#74746e", "grid": "#e0e0da", "ink": "#1d1d1b"}
_VARIABLES |= {f"c{number}": colour for number, colour in enumerate(COLOURS)}


@dataclass(frozen=True)
class Curve:
    """One named line or set of points: `y` over `x`."""

    name: str
    """In the legend; empty: not there."""
    x: Sequence[float] | Sequence[str]
    """Numbers, or names of categories."""
    y: Sequence[float] | Sequence[str]
    low: Sequence[float] | None = None
    """Lower edge of a band around the line, with `high`."""
    high: Sequence[float] | None = None
    line: bool = True
    """False: points only."""
    markers: bool = True
    """Whether the points of a short line are marked."""
    opacity: float | Sequence[float] = 1.0
    """Of the line, or of each point; 0..1."""
    colour: int | None = None
    """Index into the palette, or NEUTRAL; None: the curve's place in the chart."""
    labels: Sequence[str] = ()
    """Text beside each point."""


@dataclass(frozen=True)
class Mark:
    """A point that a ring marks, and why."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class Chart:
    """Curves that share their axes."""

    title: str
    unit: str
    curves: Sequence[Curve]
    mark: Mark | None = None
    x_label: str = "images seen"
    y_label: str = ""
    _: KW_ONLY
    log: str = ""
    """Logarithmic axes: "x", "y", "xy" or none."""
    unit_square: bool = False
    """Both axes are 0..1, drawn as a square."""
    rows: int = 0
    """Named values of y, one above the other; 0: y is a number."""

    def legend(self) -> Iterator[tuple[str, str, str]]:
        """Colour, name and last value of each named curve."""
        over_x = not self.rows and not self.unit_square
        for number, curve in enumerate(self.curves):
            if curve.name:
                last = format_number(float(curve.y[-1])) if curve.line and over_x else ""
                yield _colour(curve, number), curve.name, last

    def description(self) -> str:
        """The chart in words, for a reader who does not see it."""
        curves = [f"{name} {last}".strip() for _, name, last in self.legend()]
        marks = [f"{self.mark.name} {format_number(self.mark.y)}"] if self.mark else []
        last = f"last values: {', '.join(curves + marks)}" if curves else ""
        axes = " over ".join(filter(None, (self.y_label, self.x_label)))
        return "; ".join(filter(None, (self.title, self.unit, axes, last)))


def draw_svg(chart: Chart, *, standalone: bool = False) -> Markup:
    """Draw a chart as one `<svg>` element without a background.

    Args:
        chart: At least one curve with at least one point.
        standalone: For a file: larger, with the title and the legend, which a page writes itself.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    # ids are unique on a page and the same in every drawing of one chart
    with rc_context(
        {"svg.hashsalt": f"{chart.title} {chart.unit}"}, Path(__file__).with_name("charts.mplstyle")
    ):
        figure = Figure(figsize=_size(chart, standalone=standalone), layout="constrained")
        axes = figure.add_subplot()
        for number, curve in enumerate(chart.curves):
            _draw_curve(axes, curve, _VARIABLES[_colour(curve, number)])
        if chart.mark is not None:
            (ring,) = axes.plot(chart.mark.x, chart.mark.y, "o", color=_VARIABLES["ink"])
            ring.set(markersize=8, markerfacecolor="none", markeredgewidth=1.3)
        _set_axes(axes, chart)
        if standalone:
            axes.set_ylabel(chart.y_label or ", ".join(filter(None, (chart.title, chart.unit))))
            figure.legend(loc="outside lower center", ncols=4)
        return Markup(_clean_svg(figure, chart))  # noqa: S704 - our own drawing


def _size(chart: Chart, *, standalone: bool) -> tuple[float, float]:
    """In inches of 72 units; a phone is as wide as 4.8, with text of 9 units."""
    if chart.unit_square:
        return 4.0, 4.0
    if standalone:
        return 7.5, 4.5
    return 4.8, 0.6 + 0.4 * chart.rows if chart.rows else 2.5


def _colour(curve: Curve, number: int) -> str:
    """Name of the CSS variable."""
    place = number if curve.colour is None else curve.colour
    return "quiet" if place == NEUTRAL else f"c{place % len(COLOURS)}"


def _draw_curve(axes: "Axes", curve: Curve, colour: str) -> None:
    if curve.low is not None and curve.high is not None:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.12, linewidth=0)
    # matplotlib's legend leaves out names that begin with _
    look: dict[str, Any] = {"color": colour, "alpha": curve.opacity, "label": curve.name or "_"}
    if curve.line:
        marker = "o" if curve.markers and len(curve.x) <= FEW_POINTS else "None"
        axes.plot(curve.x, curve.y, marker=marker, **look)
    else:
        axes.scatter(curve.x, curve.y, s=16, linewidth=0, **look)
    for x, y, text in zip(curve.x, curve.y, curve.labels, strict=False):
        axes.annotate(text, (x, y), (4, 4), textcoords="offset points", fontsize=8)


def _set_axes(axes: "Axes", chart: Chart) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    if chart.unit_square:
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.grid(visible=True, axis="x")
    if axes.dataLim.y0 < 0 < axes.dataLim.y1:
        axes.axhline(0, color=_VARIABLES["quiet"], linewidth=0.6, zorder=1)
    first = chart.curves[0]
    for letter, axis, value in (("x", axes.xaxis, first.x[0]), ("y", axes.yaxis, first.y[0])):
        if isinstance(value, str):
            continue
        if letter in chart.log:
            axes.set(**{f"{letter}scale": "log"})
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_minor_formatter(NullFormatter())
        else:
            whole = isinstance(value, int)
            axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=whole))
        axis.set_major_formatter(_tick_text)


def _tick_text(value: float, _place: Any = None) -> str:  # noqa: ANN401 - matplotlib's index
    """A number for an axis: 1.2M, 40k, 0.25."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{suffix}"
    return f"{value:.4g}" if abs(value) > 1e-9 else "0"


def _clean_svg(figure: "Figure", chart: Chart) -> str:
    """The figure's SVG element with colours as CSS variables, without what a page does not need."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    # nothing lies outside the axes, so nothing needs to be clipped
    unneeded = r'<metadata>.*?</metadata>|<defs>\s*<(style|clipPath).*?</defs>| clip-path="[^"]*"'
    unneeded += r"|font-family: [^;]*;|<!--.*?-->"
    text = re.sub(unneeded, "", text[text.index("<svg") :], flags=re.DOTALL)
    used = set(re.findall(r'href="#(\w+)"', text))
    text = re.sub(r' id="([\w.]+)"', lambda found: found[0] if found[1] in used else "", text)
    text = re.sub(r' (d|x|y)="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), text)
    for name, colour in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name}, {colour})")
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text)
    kind = "chart rows" if chart.rows else "chart"
    described = f'class="{kind}" role="img" aria-label="{escape(chart.description())}"'
    text = text.replace("<svg", f'<svg {described} font-family="sans-serif"', 1)
    return re.sub(r"\s+", " ", text)
