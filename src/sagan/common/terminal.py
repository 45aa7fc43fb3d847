"""Text for a terminal and for the log: short paths, errors in words, log lines, the log file."""

import errno
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib.abc import MetaPathFinder
from pathlib import Path
from threading import Timer
from typing import ClassVar

from sagan.common.text import shown

logger = logging.getLogger(__name__)


def own_program() -> str | None:
    """The project's own command line as it was started, which may be without Kedro's; else None."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py" and started.parent.name == "sagan":
        return "python -m sagan"
    return "sagan" if started.name == "sagan" else None


def with_own_program(message: str) -> str:
    """A message whose commands `kedro run` are of the program that was started."""
    ours = own_program()
    return message if ours is None else message.replace("kedro run", f"{ours} run")


def in_environment(text: str, env: str | None) -> str:
    """A message or page whose commands are of Kedro's environment `env`; None: the default one."""
    if not env:
        return text
    text = text.replace(", with the same --env if any,", "")
    commands = r"kedro (?:run --pipelines?=[\w,]*\w|explore)(?!\w|,\w| --env)"
    return re.sub(commands, rf"\g<0> --env={env}", text)


def shorten_paths(text: str) -> str:
    """A message with paths below the current folder made relative to it, without secrets."""
    return shown(text.replace(f"{Path.cwd()}{os.sep}", ""))


def format_error(error: BaseException) -> str:
    """An error's message; of the operating system's errors the path and the reason, no number."""
    if isinstance(error, FileExistsError) and error.strerror == os.strerror(errno.EEXIST):
        return f"{error.filename}: a file, or a link to nothing, is in the place of this folder"
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error).strip()


def configure_logging(
    level: int = logging.INFO, layout: str = "%(levelname)s %(message)s", *, force: bool = False
) -> None:
    """Log to stderr, where nothing is configured yet; `force`: in place of what is."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter(layout))
    logging.basicConfig(level=level, handlers=[handler], force=force)


class _SlowImport(MetaPathFinder):
    """Finds nothing; says where the import of a large library, silent itself, takes long."""

    libraries: ClassVar = {
        "torch": "PyTorch",
        "torchvision": "torchvision",
        "great_expectations": "Great Expectations",
    }
    silent_seconds = 3.0

    def __init__(self, name: str) -> None:
        self._name = name

    def find_spec(self, fullname: str, *_: object) -> None:
        """Look again in a few seconds."""
        if fullname == self._name:
            timer = Timer(self.silent_seconds, self._tell)
            timer.daemon = True
            timer.start()

    def _tell(self) -> None:
        spec = getattr(sys.modules.get(self._name), "__spec__", None)
        if self in sys.meta_path and getattr(spec, "_initializing", False):
            sys.meta_path.remove(self)
            logger.info("loading %s", self.libraries[self._name])


def tell_of_slow_imports() -> None:
    """From now on a log line says that a large library is loading, if it takes over 3 seconds."""
    for name in _SlowImport.libraries.keys() - sys.modules.keys():
        sys.meta_path.insert(0, _SlowImport(name))


class LogFormatter(logging.Formatter):
    """Log lines without secrets and control characters; all but a record's first are indented."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's text."""
        return shown(super().format(record)).replace("\n", "\n    ")


def log_handlers() -> Iterator[tuple[logging.Logger, logging.Handler]]:
    """All handlers, each with the logger that has it."""
    named = map(logging.getLogger, logging.root.manager.loggerDict)
    for logger in (logging.root, *named):
        yield from ((logger, handler) for handler in logger.handlers[:])


def guard_log() -> None:
    """Escape control characters in all log lines; warn once where a log file cannot be written."""
    for _, handler in log_handlers():
        layout = handler.formatter
        if layout is not None and type(layout) is logging.Formatter:
            handler.setFormatter(LogFormatter(layout._fmt, layout.datefmt))
        if isinstance(handler, logging.FileHandler):
            handler.handleError = _warn_once(handler)  # type: ignore[method-assign, assignment]


def _warn_once(handler: logging.FileHandler) -> Callable[[logging.LogRecord], None]:
    """What a handler does about a record that it cannot write: the run goes on without it."""
    warned = False

    def handle_error(record: logging.LogRecord) -> None:
        nonlocal warned
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            logging.Handler.handleError(handler, record)
        elif not warned:
            warned = True
            reason = error.strerror or error
            sys.stderr.write(f"WARNING the log is incomplete: {handler.baseFilename}: {reason}\n")

    return handle_error


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
