"""Text for people: paths as they would write them, and lines that fit the terminal."""

import argparse
import logging
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NoReturn

_COMMAND = re.compile(r" +\S+ --?\w")  # an indented line with an option


def shortened(text: str) -> str:
    """The text with paths of the current folder as a person in it would write them."""
    return text.replace(f"{Path.cwd()}{os.sep}", "")


def fitted(text: str, *, first: int = 0, indent: int = 0) -> str:
    """The text with lines broken between words, where a person looks at a terminal.

    What goes to a file or another program keeps its lines: they are searched, not read.

    Args:
        text: Lines; each is broken for itself and keeps its own indent.
        first: Columns already taken in the first line.
        indent: Columns that continued lines are indented by.
    """
    if not sys.stderr.isatty():
        return text
    width = max(40, shutil.get_terminal_size().columns)
    lines = text.split("\n")
    return "\n".join(
        _broken(line, width, first if number == 0 else 0, indent)
        for number, line in enumerate(lines)
    )


def fitted_error(text: str) -> str:
    """The same for a message that `Error: ` will stand before."""
    return fitted(text, first=len("Error: "))


def worded(error: BaseException) -> str:
    """What an error says; of the system's own, the path and the fault without its number."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error).strip()


def write_error(text: str) -> None:
    """The one message that a program without Kedro ends with."""
    sys.stderr.write(f"{fitted(shortened(text))}\n")


class Parser(argparse.ArgumentParser):
    """The words of a program without Kedro; what it refuses of them fits the terminal."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words, and end with status 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{fitted(f'{self.prog}: error: {message}', indent=2)}\n")


class ParagraphFormatter(argparse.HelpFormatter):
    """Of `--help`: the description's paragraphs, each as wide as the terminal."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip().split("\n\n")
        wrapped = (self._split_lines(p, width) for p in paragraphs)
        return "\n\n".join("\n".join(f"{indent}{line}" for line in lines) for lines in wrapped)


class TerminalFormatter(logging.Formatter):
    """Log lines with short paths; on a terminal, long ones continue below their message."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one or a few lines."""
        text = shortened(super().format(record))
        start = max(0, text.find(record.getMessage()[:20]))
        if sys.stderr.isatty():
            text = text.replace("\n", "\n" + " " * start)
        return fitted(text, indent=start)


def fit_log_to_terminal() -> None:
    """Let every handler that writes to a stream, and not to a file, write such lines."""
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    for logger in (logging.root, *known):
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler and handler.formatter is not None:
                before = handler.formatter
                handler.setFormatter(TerminalFormatter(before._fmt, before.datefmt))


@contextmanager
def log_above_bars() -> Iterator[None]:
    """On a terminal, lines of the log go above a tqdm bar, not into it."""
    from tqdm.contrib.logging import logging_redirect_tqdm

    speakers = [logging.getLogger(), logging.getLogger("sagan")]
    speakers = [one for one in speakers if any(map(_is_console, one.handlers))]
    with logging_redirect_tqdm(speakers) if sys.stderr.isatty() else nullcontext():
        yield


def _is_console(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in {sys.stdout, sys.stderr}


def _broken(line: str, width: int, first: int, indent: int) -> str:
    if _COMMAND.match(line):  # to be copied as it is
        return line
    own = len(line) - len(line.lstrip(" "))
    broken = textwrap.wrap(
        line,
        width,
        initial_indent=" " * first,
        subsequent_indent=" " * max(indent, own),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(broken)[first:] if broken else line
