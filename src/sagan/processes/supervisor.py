"""Supervisor of child processes: start, GPU, log relay, replacement, stop."""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from multiprocessing import connection
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import NamedTuple, Self

from sagan.common.schema import ClearError
from sagan.processes.child import GRACE_SECONDS, Task, run_task
from sagan.processes.signals import (
    EXIT_GPU_LOST,
    EXIT_INTERRUPTED,
    TrainingInterrupted,
    describe_signal,
    signals_blocked,
    stop_requests,
)

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.5  # between checks for a signal
_RELAY_SECONDS = 5.0  # for the last messages of a child that has ended
_VISIBLE = "CUDA_VISIBLE_DEVICES"


class ChildError(ClearError, RuntimeError):
    """A child process failed."""


class ChildExit(NamedTuple):
    """How a child process ended."""

    name: str
    status: int
    """0, 75 after a signal that its target handled, minus a signal that killed it, or another."""
    error: str
    """What its target raised; empty if it raised nothing."""

    @property
    def killed_by(self) -> int:
        """The signal that ended it, without the supervisor's asking; 0: none did."""
        return signal.SIGTERM if self.status == EXIT_INTERRUPTED else max(0, -self.status)

    def __str__(self) -> str:
        if self.error:
            return self.error
        if self.status < 0:
            return f"its process ended with {describe_signal(-self.status)}"
        return f"its process ended with status {self.status}"


class Supervisor:
    """Child processes that each run one task; leaving the block stops those that still run.

    A child has its own memory and signal handlers, and sees one GPU, or all if it names one.
    Signals stay pending until it handles them. When the parent has died, it gets SIGTERM, and ends
    after a grace period.

    A killed child, or one that has lost its GPU, is started again with the same task while
    `replacements` are left, and is reported like a failed one when none are. Workers that share a
    queue need replacements: a new one takes whatever is next, and the queue counts the attempts at
    each trial. A child that is one long run needs none: what exceeded the memory once would do so
    again, while the runs after it wait.
    """

    def __init__(self, *, replacements: int = 0) -> None:
        """Start nothing yet.

        Args:
            replacements: how many killed children are started again, over all.
        """
        self._replacements = replacements
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __len__(self) -> int:
        """Number of children that run."""
        return len(self._children)

    def start(self, task: Task) -> None:
        """Start a child, in the lowest free slot, with the visible GPU of that number."""
        taken = {child.slot for child in self._children}
        slot = min(set(range(len(taken) + 1)) - taken)
        self._children.append(_Child(task, slot))

    def wait(self, seconds: float = _POLL_SECONDS) -> list[ChildExit]:
        """Wait for a child to end; returns those that have ended and are not replaced."""
        connection.wait([child.process.sentinel for child in self._children], timeout=seconds)
        exits = []
        for child in [child for child in self._children if not child.process.is_alive()]:
            self._children.remove(child)
            ended = child.join()
            lost_gpu = ended.status == EXIT_GPU_LOST
            if (ended.killed_by or lost_gpu) and self._replacements > 0:
                self._replacements -= 1
                why = "lost its GPU" if lost_gpu else f"was killed by signal {ended.killed_by}"
                logger.warning("%s %s; a new one replaces it", ended.name, why)
                self.start(child.task)
            else:
                exits.append(ended)
        return exits

    def stop(self) -> None:
        """Send SIGTERM to all children and wait until they have saved; kill those that hang."""
        for child in self._children:
            child.process.terminate()
        latest = time.monotonic() + GRACE_SECONDS
        for child in self._children:
            child.process.join(max(0.1, latest - time.monotonic()))
            if child.process.is_alive():
                logger.warning("%s did not end within %.0f s", child.task.name, GRACE_SECONDS)
                child.process.kill()
            child.join()
        self._children.clear()


def run_in_child(task: Task) -> None:
    """Run one task in a child process, so that the parent holds no memory of a GPU.

    Raises:
        ChildError: the task failed.
        TrainingInterrupted: asked to stop.
    """
    with stop_requests(patient=True) as stop, Supervisor() as children:
        children.start(task)
        while not (ended := children.wait()) and not stop:
            pass
    if stop or ended[0].killed_by == signal.SIGTERM:
        raise TrainingInterrupted
    if ended[0].status:
        raise ChildError(f"{task.name}: {ended[0]}")


class _Child:
    """A running child process, and the thread that receives its messages."""

    def __init__(self, task: Task, slot: int) -> None:
        self.task, self.slot = task, slot
        context = multiprocessing.get_context("spawn")
        messages, sent = context.Pipe(duplex=False)
        self.process: SpawnProcess = context.Process(  # a daemon: none outlives an ordinary end
            target=run_task, args=(task, sent), name=task.name, daemon=True
        )
        gpus = nullcontext() if ":" in "".join(task.devices) else _one_gpu(slot)
        with signals_blocked(), gpus:
            self.process.start()
        sent.close()  # the child has its own: the pipe ends when the child does
        self._error = ""
        self._relay = threading.Thread(target=self._receive, args=(messages,), daemon=True)
        self._relay.start()

    def _receive(self, messages: Connection) -> None:
        with messages:
            while True:
                try:
                    message = messages.recv()
                except (EOFError, OSError):
                    return
                if isinstance(message, str):
                    self._error = message
                else:
                    message.msg = f"{self.task.name}: {message.msg}"
                    logging.getLogger(message.name).handle(message)

    def join(self) -> ChildExit:
        self.process.join()
        self._relay.join(_RELAY_SECONDS)
        return ChildExit(self.task.name, self.process.exitcode or 0, self._error)


@contextmanager
def _one_gpu(slot: int) -> Iterator[None]:
    """Let a process that is started in the block see one of the visible GPUs."""
    import torch

    before = os.environ.get(_VISIBLE)
    # the driver counts them without a CUDA context
    visible = before.split(",") if before else [str(i) for i in range(torch.cuda.device_count())]
    if visible:
        os.environ[_VISIBLE] = visible[slot % len(visible)]
    try:
        yield
    finally:
        if before is not None:
            os.environ[_VISIBLE] = before
        else:
            os.environ.pop(_VISIBLE, None)
