"""Progress of a long pass: a bar on a terminal, occasional log lines in a batch job."""

import logging
import sys
import time
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

logger = logging.getLogger(__name__)

_LINE_SECONDS = 10.0  # between lines of the log, at first
_LINE_SHARE = 0.1  # of the time passed, later


def next_log_line(started: float, now: float) -> float:
    """When the next line of the log is due: in 10 seconds, later in a tenth of the time passed.

    Args:
        started: When the pass began [s].
        now: When the last line was written [s].
    """
    return now + max(_LINE_SECONDS, _LINE_SHARE * (now - started))


class _Log:
    """The log as the file that a bar is written to."""

    def __init__(self) -> None:
        self._started = self._next = time.time()

    def write(self, text: str) -> None:
        line, now = text.strip(), time.time()
        if line and now >= self._next:
            logger.info("%s", line)
            self._next = next_log_line(self._started, now)

    def flush(self) -> None:
        pass


def progress_bar(
    what: str,
    total: int,
    unit: str = "images",
    iterable: Iterable[Any] | None = None,
    *,
    done: int = 0,
    leave: bool = True,
) -> "tqdm[Any]":
    """A bar of tqdm; without a terminal lines of the log, after 10 seconds and then more rarely.

    Args:
        what: What is being done, such as "extracting train"; empty: nothing is shown.
        total: The total, in units.
        unit: "B" for bytes, else a plural such as "images".
        iterable: What to count; None: the caller updates the bar.
        done: Units that were done before.
        leave: Whether the finished bar stays on the terminal.
    """
    of_bytes = unit == "B"
    # tqdm's own bar, whose rate would become "2.00s/ images" below one a second
    bar = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_noinv_fmt}]"
    shown: dict[str, Any] = {"dynamic_ncols": True, "leave": leave, "bar_format": bar}
    if not sys.stderr.isatty():
        shown = {"file": _Log(), "mininterval": 1.0, "miniters": 1}  # the log leaves lines out
        shown |= {"delay": _LINE_SECONDS, "smoothing": 0, "leave": False}
        shown["bar_format"] = "{desc}: {percentage:.0f}%, {rate_noinv_fmt}, {remaining} left"
    unit = unit if of_bytes else f" {unit}"
    options = shown | {"initial": done, "unit": unit, "unit_scale": of_bytes, "disable": not what}
    return tqdm(iterable, what, total, **options)
