"""The child's side of a supervised process: signals, log, death of the parent, failure."""

import io
import logging
import logging.handlers
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from sagan.common.schema import ClearError
from sagan.common.terminal import configure_logging
from sagan.processes.signals import (
    EXIT_INTERRUPTED,
    handled_signals,
    ignore_signal,
    raise_on_signal,
)

logger = logging.getLogger(__name__)

GRACE_SECONDS = 60.0  # to finish a step and save


class Task(NamedTuple):
    """What a child process runs; all of it can be pickled."""

    name: str
    target: Callable[..., object]
    arguments: tuple[Any, ...] = ()
    log_file: Path | None = None
    """Takes the log and all other output; None: warnings go to the log of the parent."""
    progress_bars: bool = False
    """It may draw them on the terminal, as long as it runs alone."""
    devices: tuple[str, ...] = ()
    """Names of the devices that it uses: with a GPU's number among them it sees all GPUs."""


def run_task(task: Task, messages: Connection) -> None:
    """Run the task; the first signal raises TrainingInterrupted unless the target handles it.

    Args:
        task: what to run.
        messages: takes log records, and as text what the target raised.
    """
    for number in handled_signals():  # blocked until now; after the task there is nothing to stop
        signal.signal(number, ignore_signal)
    if task.log_file is None:
        if not task.progress_bars:
            sys.stderr = _NoTerminal(sys.stderr.buffer, line_buffering=True)
        _send_log(messages)
    else:
        _write_log(task.log_file)
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    try:
        with raise_on_signal():
            task.target(*task.arguments)
    except Exception as error:
        messages.send(describe_failure(error, task.name))
        sys.exit(1)


def describe_failure(error: BaseException, name: str = "") -> str:
    """Why something failed, on one line: the message alone where it is written for users.

    Args:
        error: caught.
        name: of what failed; an error that is not for users is logged with its traceback then.
    """
    text = " ".join(str(error).split())
    if isinstance(error, ClearError | ValueError | OSError) and text:
        return text
    if name:
        logger.error("%s failed", name, exc_info=error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _stop_with_parent() -> None:
    """Ask this process to stop once its parent has died; exit if it does not."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        logger.warning("the process that started this one is gone; stopping")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_SECONDS)
        os._exit(EXIT_INTERRUPTED)


def _send_log(messages: Connection) -> None:
    """Send warnings to the parent in place of all handlers: Kedro configures a child's as well."""
    named = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    for one in (logging.root, *named):
        one.handlers.clear()
        one.propagate = True
    logging.root.addHandler(_Sender(messages))
    logging.getLogger("sagan").setLevel(logging.WARNING)  # several would report their steps at once


def _write_log(path: Path) -> None:
    """Write the log and all other output to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    configure_logging(layout="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)


class _Sender(logging.handlers.QueueHandler):
    """Sends log records to the parent."""

    def __init__(self, messages: Connection) -> None:
        super().__init__(queue=None)  # type: ignore[arg-type]
        self._messages = messages

    def enqueue(self, record: logging.LogRecord) -> None:
        self._messages.send(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Drop the record: the parent was killed."""


class _NoTerminal(io.TextIOWrapper):
    """Standard error that denies being a terminal: progress bars of several would overlap."""

    def isatty(self) -> bool:
        return False
