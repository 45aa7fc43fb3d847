"""Stopping when asked to: SIGINT, SIGTERM and SIGUSR1 let the step end, save, then exit."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)

EXIT_INTERRUPTED = 75  # EX_TEMPFAIL: run the same command again to go on
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


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
        yield request
        return
    before = {number: signal.signal(number, request.receive) for number in _SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
