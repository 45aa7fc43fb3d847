"""Values as text."""

from pathlib import Path

import pytest

from sagan.html.format import (
    bars,
    breakable,
    format_duration,
    format_number,
    format_value,
    table_rows,
)
from sagan.html.pages import render


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "yes"),
        (1_234_567, "1,234,567"),
        (0.0001234567, "0.0001235"),
        (12_345.6, "12,346"),
        ([8, 16], "8, 16"),
        (["two\nlines", "a"], r"two\nlines, a"),
        ([], "none"),
        (list(range(13)), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ... (13 in all)"),
        ({"a": 1.0, "b": [2]}, "a: 1, b: 2"),
    ],
)
def test_any_value_has_a_text(value: object, text: str) -> None:
    assert format_value(value) == text


def test_numbers_and_durations_are_short() -> None:
    assert [format_number(value) for value in (3, 3.0, 31.49999)] == ["3", "3", "31.5"]
    assert [format_duration(s) for s in (12.4, 245, 12_000)] == ["12 s", "4 min 5 s", "3 h 20 min"]


def test_nested_mappings_are_rows_with_dotted_names() -> None:
    assert table_rows({"a": {"b": 1, "c": {}}, "d": None}) == [
        ("a.b", "1"),
        ("a.c", ""),
        ("d", "none"),
    ]


def test_bars_are_relative_to_the_largest() -> None:
    assert [bar["percent"] for bar in bars({"a": 1, "b": 4})] == [25, 100]
    assert [bar["percent"] for bar in bars({"a": 0})] == [0]
    assert bars({"a": 1.5}, {"a": "one and a half"})[0]["value"] == "one and a half"


def test_a_breakable_name_is_escaped() -> None:
    assert breakable("a.b_<c>") == "a.<wbr>b_<wbr>&lt;c&gt;"


def test_a_page_escapes_markup_and_control_characters(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html.j2").write_text("<p>{{ name }}</p>")
    shown = render(tmp_path, "page.html.j2", name="<b>\x1b[31m\u202e\udcff")
    assert shown == "<p>&lt;b&gt;\\x1b[31m\\u202e\\udcff</p>"
