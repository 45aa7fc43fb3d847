"""Asked to stop: a pass over images ends as with Ctrl-C, and the same command goes on later."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_INTERRUPTED = os.EX_TEMPFAIL  # 75, as a training's


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and SIGUSR1, which batch systems send, raise KeyboardInterrupt in the block."""
    before = {n: signal.signal(n, _interrupt) for n in (signal.SIGTERM, signal.SIGUSR1)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
