"""Handlers of SIGINT, SIGTERM, SIGHUP, SIGUSR1: finish and save, raise an exception, or exit."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType

logger = logging.getLogger(__name__)

EXIT_INTERRUPTED = os.EX_TEMPFAIL  # 75: the same command continues
EXIT_GPU_LOST = os.EX_UNAVAILABLE  # 69: another process may go on with the GPU, this one cannot
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

Handler = Callable[[int, FrameType | None], None]


class TrainingInterrupted(SystemExit):
    """Training was asked to stop and has saved; ends the process with status 75."""

    def __init__(self) -> None:
        super().__init__(EXIT_INTERRUPTED)


def describe_signal(number: int) -> str:
    """A signal that ended a process, with its likely cause where it has one."""
    causes: dict[int, str] = {
        signal.SIGKILL: " (out of memory, perhaps)",
        signal.SIGABRT: " (aborted by a library, such as NCCL after its time-out)",
    }
    return f"signal {number}{causes.get(number, '')}"


class StopRequest:
    """Whether a signal has asked for a stop."""

    def __init__(self, *, patient: bool = False) -> None:
        """Start without a request; see `stop_requests`."""
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
    """Record the signals in a `StopRequest` while the block runs.

    Outside the main thread Python allows no handlers: then only the caller can stop training.

    Args:
        patient: a second SIGINT does not end the process at once. One of several processes gets
            it from the terminal and from its launcher.
    """
    request = StopRequest(patient=patient)
    if threading.current_thread() is not threading.main_thread():
        logger.info("not in the main thread: signals do not save a checkpoint here")
    with signal_handler(request.receive):
        yield request


def handled_signals() -> list[signal.Signals]:
    """The signals, without a SIGHUP that `nohup` has switched off."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in SIGNALS if not (ignored and number is signal.SIGHUP)]


@contextmanager
def signal_handler(handler: Handler) -> Iterator[None]:
    """Handle the signals by a function while the block runs, in the main thread; restore after."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in handled_signals()}
    # delivers those that came since this process was started; see `signals_blocked`
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


@contextmanager
def exit_on_signal() -> Iterator[None]:
    """Exit with status 75 on the first signal, where there is nothing to save or to clean up.

    At once: an exception during the import of a large library would be swallowed there, or end in
    the library's own traceback.
    """
    with signal_handler(_leave):
        yield


def leave_kedro_run_on_signal() -> None:
    """Exit on the first signal from now on, if this is `kedro run` or `kedro explore`.

    Kedro imports its plugins between the project's settings and its commands, which handle signals
    themselves. Other commands, such as Kedro's IPython, need Python's own handlers.
    """
    program, *words = sys.argv
    command = next((word for word in words if not word.startswith("-")), "")
    in_main = threading.current_thread() is threading.main_thread()
    if Path(program).name == "kedro" and command in {"run", "explore"} and in_main:
        for number in handled_signals():
            signal.signal(number, _leave)


def _leave(number: int, _frame: FrameType | None) -> None:
    """Exit at once with status 75."""
    name = signal.Signals(number).name
    sys.stderr.write(f"{name}: stopped before training began; the same command starts it\n")
    sys.stderr.flush()
    os._exit(EXIT_INTERRUPTED)


def ignore_signal(_number: int, _frame: FrameType | None) -> None:
    """Handle a signal by doing nothing.

    Not SIG_IGN: switching to it while a signal is pending makes Python raise.
    """


@contextmanager
def raise_on_signal() -> Iterator[None]:
    """Raise on the first signal, so that temporary files are cleaned up; ignore later ones.

    Raises:
        TrainingInterrupted: asked to stop.
    """

    def leave(number: int, _frame: FrameType | None) -> None:
        for one in handled_signals():
            signal.signal(one, ignore_signal)
        logger.warning("%s: stopped; the same command resumes the run", signal.Signals(number).name)
        raise TrainingInterrupted

    with signal_handler(leave):
        yield


def interrupt_on_signal() -> AbstractContextManager[None]:
    """Raise KeyboardInterrupt on each signal in the block.

    SIGINT too: a program that a script starts in the background ignores it otherwise.
    """
    return signal_handler(signal.default_int_handler)


def start_resource_tracker() -> None:
    """Start multiprocessing's tracker of shared resources so that none of the signals ends it.

    It ignores SIGINT and SIGTERM itself; the others stay blocked in it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Start processes that keep signals pending until they install a handler.

    They inherit the signal mask of the thread that starts them. This process still receives
    signals, by a thread without the mask.
    """
    start_resource_tracker()  # started in the block, it would unblock them
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
