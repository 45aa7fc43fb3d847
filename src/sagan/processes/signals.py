"""Stopping when asked to: SIGINT, SIGTERM and SIGUSR1 let the step end, save, then exit."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from types import FrameType

logger = logging.getLogger(__name__)

EXIT_INTERRUPTED = 75  # EX_TEMPFAIL: run the same command again to go on
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

Handler = Callable[[int, FrameType | None], None]


class TrainingInterrupted(SystemExit):
    """Training was asked to stop and has saved; ends the process with status 75."""

    def __init__(self) -> None:
        super().__init__(EXIT_INTERRUPTED)


class StopRequest:
    """Whether a signal has asked for a stop."""

    def __init__(self, *, patient: bool = False) -> None:
        """Begin with none; a patient one takes a second SIGINT for the same request."""
        self.signal_name: str | None = None
        self._patient = patient

    def __bool__(self) -> bool:
        return self.signal_name is not None

    def receive(self, number: int, _frame: FrameType | None) -> None:
        """Handle a signal; a second SIGINT stops at once, without saving."""
        if self and number == signal.SIGINT and not self._patient:
            raise KeyboardInterrupt
        self.signal_name = signal.Signals(number).name


@contextmanager
def stop_requests(*, patient: bool = False) -> Iterator[StopRequest]:
    """Listen for the signals while the block runs; signal handlers are restored after it.

    Outside the main thread Python allows no handlers: then only the caller can stop training.

    Args:
        patient: a second SIGINT does not end the process at once. One of several processes gets
            it from the terminal and from its launcher.
    """
    request = StopRequest(patient=patient)
    if threading.current_thread() is not threading.main_thread():
        logger.info("not in the main thread: signals do not save a checkpoint here")
    with handled_by(request.receive):
        yield request


@contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Give the signals to a handler while the block runs, in the main thread; restore after it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in SIGNALS}
    # what has come since this process was started; see `signals_kept`
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """While there is nothing to save or to clean up, a signal ends the process, with status 75.

    At once, since an exception amid the imports of large libraries would be lost there, or end in
    their noise.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        sys.stderr.write(f"{name}: stopped before training began; the same command starts it\n")
        sys.stderr.flush()
        os._exit(EXIT_INTERRUPTED)

    with handled_by(leave):
        yield


def unheard(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal by nothing: SIG_IGN is an error where one is just arriving."""


@contextmanager
def leaving() -> Iterator[None]:
    """Where nothing is to be saved, yet files may be half written, a signal leaves the block.

    Raises:
        TrainingInterrupted: asked to stop; a second signal does not disturb the leaving.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        for one in SIGNALS:
            signal.signal(one, unheard)
        logger.warning("%s: stopped; the same command resumes the run", signal.Signals(number).name)
        raise TrainingInterrupted

    with handled_by(leave):
        yield


@contextmanager
def signals_kept() -> Iterator[None]:
    """Processes started in the block keep signals waiting until they listen for them.

    They inherit the mask of the thread that starts them. This process goes on hearing: by a thread
    without the mask.
    """
    resource_tracker.ensure_running()  # started in the block, it would unblock them
    done = threading.Event()
    listener = threading.Thread(target=done.wait, daemon=True)
    listener.start()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        done.set()
        listener.join()
