"""Values as a reader's text: numbers, durations, names, nested mappings as table rows."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup
from pydantic import BaseModel

from sagan.common.text import visible

Row = tuple[str, str]
_LISTED_VALUES = 12  # entries of a list that a table cell shows


def format_number(value: float) -> str:
    """A number with thousands separated; floats to four significant digits."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def format_value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Any JSON value as text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return format_number(value)
    if isinstance(value, list | tuple):
        more = f", ... ({len(value):,} in all)" if len(value) > _LISTED_VALUES else ""
        return ", ".join(map(format_value, value[:_LISTED_VALUES])) + more or "none"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {format_value(entry)}" for key, entry in value.items())
    return visible(str(value))


def format_duration(seconds: float) -> str:
    """3 h 20 min, 4 min 5 s, 12 s."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def words(name: str) -> str:
    """`images_seen` as words."""
    return name.replace("_", " ")


def breakable(name: str) -> Markup:
    """A parameter's name that a narrow column may break after its dots and underscores."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])", name))


def table_rows(value: Any) -> list[Row]:  # noqa: ANN401 - a model, a mapping, or any JSON value
    """A nested mapping, or a configuration model, as (dotted name, text) rows."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return list(_rows("", value)) if isinstance(value, Mapping) else [("", format_value(value))]


def bars(
    values: Mapping[str, float], texts: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Rows of a bar chart: `name`, `value` (text) and `percent` of the largest.

    Args:
        values: By name, at least 0.
        texts: What is written beside a bar, by name; None: the number.
    """
    largest = max(values.values(), default=0) or 1
    return [
        {
            "name": name,
            "value": format_number(value) if texts is None else texts[name],
            "percent": 100 * value / largest,
        }
        for name, value in values.items()
    ]


def _rows(prefix: str, value: Mapping[Any, Any]) -> Iterator[Row]:
    for key, entry in value.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(entry, Mapping) and entry:
            yield from _rows(name, entry)
        else:
            yield name, format_value(entry)
