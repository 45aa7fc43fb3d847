"""Text that is safe to show."""

import pytest

from sagan.common.text import read_text, visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("goldfish", "goldfish"),
        ("Käse, Ελλάδα, кот, 猫", "Käse, Ελλάδα, кот, 猫"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb\r\tc\x00", "a\\nb\\r\\tc\\x00"),
        ("a\x9b2J", "a\\x9b2J"),
        ("gpj\u202eexe", "gpj\\u202eexe"),
        ("a\u2028b", "a\\u2028b"),
        ("a\udcff", "a\\udcff"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ],
)
def test_control_characters_become_escapes(text: str, expected: str) -> None:
    assert visible(text) == expected
    assert visible(text).encode()


def test_a_message_keeps_its_lines() -> None:
    assert visible("one\n\ttwo\x1b", keep="\n\t") == "one\n\ttwo\\x1b"


def test_a_file_of_another_encoding_is_named(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_bytes("\ufeffKäse".encode())
    assert read_text(path) == "Käse"
    path.write_bytes("Käse".encode("latin-1"))
    with pytest.raises(ValueError, match=r"classes\.txt' is not UTF-8"):
        read_text(path)
