"""A worker's process: where its words go, how it ends, and what it does without its parent."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from sagan.processes.signals import TrainingInterrupted, stop_requests
from sagan.tuning.workers.context import Job
from sagan.tuning.workers.worker import Worker, reason

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0  # between looks for the parent


def run_worker(job: Job, number: int, deadline: float | None, log: Path, end: Connection) -> None:
    """Begin of a worker's process: its words go to a file, its end to whoever started it.

    Args:
        job: the study.
        number: of this worker on this machine.
        deadline: no trial is taken later, in `time.time()`'s seconds; None: no limit.
        log: the file.
        end: told why, where the worker ends by an error.
    """
    _speak_to(log)
    try:
        with stop_requests(patient=True) as stop, _leaving_with_parent():
            Worker(job, number, deadline).work(stop)
        if stop:
            raise TrainingInterrupted
    except SystemExit:
        raise
    except BaseException as error:
        logger.exception("worker %d ends", number)
        end.send(reason(error))
        raise SystemExit(1) from None


def _speak_to(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
        force=True,
    )


@contextmanager
def _leaving_with_parent() -> Iterator[None]:
    """Ask this process to stop once the one that started it is gone."""
    parent, done = os.getppid(), threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK_SECONDS):
            if os.getppid() != parent:
                logger.warning("the process that started this one is gone; stopping")
                os.kill(os.getpid(), signal.SIGTERM)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
