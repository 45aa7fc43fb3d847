"""What children of the supervisor run, in a module of their own: they import it by its name."""

import logging
import os
import signal
import sys
import time
from pathlib import Path

from sagan.processes.child import Task
from sagan.processes.signals import (
    EXIT_GPU_LOST,
    SIGNALS,
    TrainingInterrupted,
    ignore_signal,
    stop_requests,
)
from sagan.processes.supervisor import Supervisor

logger = logging.getLogger("sagan.targets")


def write_gpu(path: Path) -> None:
    path.write_text(os.environ.get("CUDA_VISIBLE_DEVICES", "all"))


def warn(text: str) -> None:
    sys.stderr.write(f"{text} printed\n")
    sys.stderr.flush()
    logger.info("%s at level info", text)
    logger.warning("%s warned", text)


def fail(kind: type[Exception], text: str) -> None:
    raise kind(text)


def kill_itself_once(mark: Path) -> None:
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def lose_the_gpu_once(mark: Path) -> None:
    if not mark.exists():
        mark.touch()
        raise SystemExit(EXIT_GPU_LOST)


def work(folder: Path) -> None:
    """Leave a mark of the begin, and another one when asked to stop."""
    with stop_requests() as stop:
        (folder / f"begun-{os.getpid()}").touch()
        while not stop:
            time.sleep(0.01)
        (folder / f"saved-{os.getpid()}").touch()
    raise TrainingInterrupted


def hang(folder: Path) -> None:
    for number in SIGNALS:
        signal.signal(number, ignore_signal)
    (folder / f"begun-{os.getpid()}").touch()
    time.sleep(600)


def touch_and_raise_on_signal(folder: Path) -> None:
    """Has no handlers of its own."""
    (folder / f"begun-{os.getpid()}").touch()
    time.sleep(600)


def supervise(folder: Path, count: int) -> None:
    """A supervisor in a process of its own."""
    with Supervisor() as children:
        for number in range(count):
            children.start(Task(f"child {number}", work, (folder,)))
        while children:
            children.wait()
