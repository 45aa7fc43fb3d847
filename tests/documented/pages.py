"""The commands that README and docs tell the user to type, in the documents' order."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_PROGRAMS = (
    r"kedro|dvc|python -m|make|tensorboard|optuna-dashboard|pip|git|sagan|pre-commit|\.venv/bin/\S+"
)
_FENCE = re.compile(r"```(\w*)")
_INLINE = re.compile(rf"`((?:{_PROGRAMS})\s[^`…]+)`")
_COMMENT = re.compile(r"(?:^|\s)#")
# what is not executed is listed there, for the reader; a section of the README is the README's
_LEFT_OUT = re.compile(r"<!-- (?:not executed|readme: .+?) -->.*?<!-- end -->", re.DOTALL)


class Command(NamedTuple):
    """One command of one page, as the shell would see it, without its comment."""

    page: str
    line: int
    text: str
    block: int | None = None  # number of the console block; None: within a sentence

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text)

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def documented(pages: list[Path] | None = None) -> list[Command]:
    """Every command in a console block, and those within the text that start something of ours."""
    found: list[Command] = []
    for page in pages or PAGES:
        text = page.read_text(encoding="utf-8")
        text = _LEFT_OUT.sub(lambda part: "\n" * part.group().count("\n"), text)
        found += sorted([*_in_blocks(page.name, text), *_in_sentences(page.name, text)], key=_line)
    return found


def _line(command: Command) -> int:
    return command.line


def _in_blocks(page: str, text: str) -> Iterator[Command]:
    for number, (kind, first, lines) in enumerate(_blocks(text)):
        if kind not in ("console", "bash"):
            continue
        begun, start = "", first
        for line_number, line in enumerate(lines, start=first):
            start = start if begun else line_number
            if line.endswith("\\"):
                begun += line[:-1]
                if begun.count("'") % 2:  # the shell would keep the backslash
                    raise ValueError(f"{page}:{line_number}: a line is broken within '...'")
                continue
            plain = " ".join(_without_comment(begun + line).split())
            begun = ""
            if plain:
                yield Command(page, start, plain, number)


def _without_comment(line: str) -> str:
    for sign in _COMMENT.finditer(line):
        before = line[: sign.start()]
        if before.count("'") % 2 == before.count('"') % 2 == 0:
            return before
    return line


def _blocks(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """Kind, first line's number and lines of each fenced block."""
    kind, first, lines = None, 0, []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("```"):
            lines.append(line)
        elif kind is None:
            kind, first, lines = _FENCE.match(line)[1], number + 1, []
        else:
            yield kind, first, lines
            kind = None


def _in_sentences(page: str, text: str) -> Iterator[Command]:
    for _, first, lines in _blocks(text):  # blank them, and keep the count of lines
        block = "\n".join(lines)
        if block.strip():
            text = _without(text, first, len(lines))
    for match in _INLINE.finditer(text):
        yield Command(page, text.count("\n", 0, match.start()) + 1, " ".join(match[1].split()))


def _without(text: str, first: int, count: int) -> str:
    lines = text.split("\n")
    lines[first - 1 : first - 1 + count] = [""] * count
    return "\n".join(lines)
