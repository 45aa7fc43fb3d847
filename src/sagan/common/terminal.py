"""Text for a terminal: short paths, errors in words, the log beside progress bars."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path


def shorten_paths(text: str) -> str:
    """The text with paths below the current folder made relative to it."""
    return text.replace(f"{Path.cwd()}{os.sep}", "")


def format_error(error: BaseException) -> str:
    """An error's message; of the operating system's errors the path and the reason, no number."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error).strip()


def configure_logging() -> None:
    """Log to stderr, where nothing is configured yet."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


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
