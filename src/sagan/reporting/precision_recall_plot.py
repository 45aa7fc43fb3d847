"""Fidelity over variety as inline SVG: precision and recall as points in the unit square."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

SIDE, MARGIN = 260, 50  # in the units of the text size
_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


class Point(NamedTuple):
    """One measurement."""

    name: str
    recall: float
    """0..1, to the right."""
    precision: float
    """0..1, upwards."""
    colour: int
    """Class c0 to c5 of the page's style sheet."""


def precision_recall_plane(points: Sequence[Point]) -> str:
    """Draw points as one `<svg>` element.

    Args:
        points: at least one; those of one colour are joined in their order.

    Returns:
        SVG; each point has its name and numbers as a tooltip.
    """
    size = SIDE + MARGIN + 12
    parts = [
        f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="precision over recall: '
        f'{escape(", ".join(map(_told, points)))}">'
    ]
    for tick in _TICKS:
        x, y = _place(tick, tick)
        parts.append(
            f'<path class="grid" d="M{MARGIN} {y:.1f}h{SIDE}M{x:.1f} {SIDE + 8}v-{SIDE}"/>'
        )
        parts.append(f'<text class="y" x="{MARGIN - 6}" y="{y + 4:.1f}">{tick:g}</text>')
        parts.append(f'<text x="{x:.1f}" y="{SIDE + 24}">{tick:g}</text>')
    for colour in sorted({point.colour for point in points}):
        places = [_place(p.recall, p.precision) for p in points if p.colour == colour]
        if len(places) > 1:
            way = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
            parts.append(f'<path class="c{colour}" d="M{way}"/>')
    for point in points:
        x, y = _place(point.recall, point.precision)
        mark = f'<circle class="c{point.colour} dot" cx="{x:.1f}" cy="{y:.1f}" r="4">'
        parts.append(f"{mark}<title>{escape(_told(point))}</title></circle>")
    middle = MARGIN + SIDE / 2
    parts.append(f'<text class="axis" x="{middle:.0f}" y="{size - 2}">recall</text>')
    upright = f'transform="rotate(-90)" x="{-8 - SIDE / 2:.0f}" y="12"'
    parts.append(f'<text class="axis" {upright}>precision</text></svg>')
    return "".join(parts)


def _place(recall: float, precision: float) -> tuple[float, float]:
    return MARGIN + recall * SIDE, 8 + (1 - precision) * SIDE


def _told(point: Point) -> str:
    return f"{point.name}: precision {point.precision:.1%}, recall {point.recall:.1%}"
