"""Progress of a long pass: a bar on a terminal, occasional log lines in a batch job."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

logger = logging.getLogger(__name__)

_LINE_SECONDS = 30.0


class _Log:
    """The log as the file that a bar is written to."""

    def write(self, text: str) -> None:
        if line := text.strip():
            logger.info("%s", line)

    def flush(self) -> None:
        pass


def progress_bar(
    what: str, total: int, unit: str = "images", iterable: Iterable[Any] | None = None
) -> "tqdm[Any]":
    """A bar of tqdm; without a terminal a line of the log every 30 seconds.

    Args:
        what: What is being done, such as "extracting train".
        total: The total, in units.
        unit: "B" for bytes, else a plural such as "images".
        iterable: What to count; None: the caller updates the bar.
    """
    of_bytes = unit == "B"
    shown: dict[str, Any] = {"dynamic_ncols": True}
    if not sys.stderr.isatty():
        shown = {"file": _Log(), "mininterval": _LINE_SECONDS, "miniters": 1}
        shown |= {"delay": _LINE_SECONDS, "smoothing": 0, "leave": False}
        shown["bar_format"] = "{desc}: {percentage:.0f}%, {rate_fmt}, {remaining} left"
    unit = unit if of_bytes else f" {unit}"
    return tqdm(iterable, what, total, unit=unit, unit_scale=of_bytes, **shown)
