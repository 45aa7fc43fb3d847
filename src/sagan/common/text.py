"""Texts of users: read as UTF-8; shown with control characters escaped and secrets masked."""

import unicodedata
from pathlib import Path

from sagan.common.addresses import mask_secrets

_UNSAFE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # part of words in some scripts, and of emoji


def read_text(path: Path) -> str:
    """A text file that somebody wrote: UTF-8, also with a byte order mark.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it has another encoding, naming it.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is not UTF-8: {error}; save it as UTF-8") from None


def shown(text: str) -> str:
    """A message or a page's value: secrets masked, control characters escaped, lines kept."""
    return visible(mask_secrets(text), keep="\n\t")


def visible(text: str, keep: str = "") -> str:
    r"""A text with its control characters as escapes: a newline becomes `\n`.

    Terminals obey escape sequences, a newline starts a line that looks like one of ours, and
    bidirectional controls change the order of what is read. Bytes of file names that are not UTF-8
    become `\udcff`, since they cannot be written.

    Args:
        text: a name, or a message with names in it.
        keep: characters that stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode()
        if unicodedata.category(char) in _UNSAFE and char not in _JOINERS + keep
        else char
        for char in text
    )
