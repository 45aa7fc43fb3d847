"""Text for a terminal: short paths, lines of its width, worded errors, and the log's format."""

import logging
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

_COMMAND = re.compile(r" +\S+ --?\w")  # an indented line with an option


def shorten_paths(text: str) -> str:
    """The text with paths below the current folder made relative to it."""
    return text.replace(f"{Path.cwd()}{os.sep}", "")


def wrap_for_terminal(text: str, *, first: int = 0, indent: int = 0) -> str:
    """The text wrapped between words to the terminal's width.

    Without a terminal it is unchanged: files and pipes are searched line by line.

    Args:
        text: Lines; each is wrapped on its own and keeps its indent.
        first: Columns already taken in the first line.
        indent: Indent of continued lines [columns].
    """
    if not sys.stderr.isatty():
        return text
    width = max(40, shutil.get_terminal_size().columns)
    return "\n".join(
        _wrapped(line, width, first if number == 0 else 0, indent)
        for number, line in enumerate(text.split("\n"))
    )


def wrap_error(text: str) -> str:
    """A message with short paths, wrapped to stand behind `Error: `."""
    return wrap_for_terminal(shorten_paths(text), first=len("Error: "))


def format_error(error: BaseException) -> str:
    """An error's message; of the operating system's errors the path and the reason, no number."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error).strip()


class TerminalFormatter(logging.Formatter):
    """Log lines with short paths; on a terminal long ones continue below their message."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one or a few lines."""
        text = shorten_paths(super().format(record))
        start = max(0, text.find(record.getMessage()[:20]))
        if sys.stderr.isatty():
            text = text.replace("\n", "\n" + " " * start)
        return wrap_for_terminal(text, indent=start)


def configure_logging() -> None:
    """Log to stderr, where nothing is configured yet, in the terminal's format."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    fit_log_to_terminal()


def fit_log_to_terminal() -> None:
    """Give every handler of a stream that is not a file the terminal's format."""
    known = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    for logger in (logging.root, *known):
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler and handler.formatter is not None:
                before = handler.formatter
                handler.setFormatter(TerminalFormatter(before._fmt, before.datefmt))


@contextmanager
def log_above_bars() -> Iterator[None]:
    """Print the log's lines above a tqdm bar, not into it, where stderr is a terminal."""
    from tqdm.contrib.logging import logging_redirect_tqdm

    loggers = [logging.getLogger(), logging.getLogger("sagan")]
    loggers = [logger for logger in loggers if any(map(_is_console, logger.handlers))]
    with logging_redirect_tqdm(loggers) if sys.stderr.isatty() else nullcontext():
        yield


def _is_console(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and handler.stream in {sys.stdout, sys.stderr}


def _wrapped(line: str, width: int, first: int, indent: int) -> str:
    if _COMMAND.match(line):  # to be copied as it is
        return line
    own = len(line) - len(line.lstrip(" "))
    wrapped = textwrap.wrap(
        line,
        width,
        initial_indent=" " * first,
        subsequent_indent=" " * max(indent, own),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(wrapped)[first:] if wrapped else line
