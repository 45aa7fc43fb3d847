"""Asked to stop: a pass over images ends as with Ctrl-C, and the same command goes on later."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = os.EX_TEMPFAIL  # 75, as a training's
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let the signals that batch systems send raise KeyboardInterrupt in the block.

    SIGINT too: a program that a script starts in the background would not hear it otherwise.
    """
    before = {number: signal.signal(number, _interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
