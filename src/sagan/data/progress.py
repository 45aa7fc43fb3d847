"""Progress of a long pass: a bar on a terminal, occasional log lines in a batch job."""

import logging
import sys
from time import monotonic
from typing import Any, Self

from tqdm import tqdm

logger = logging.getLogger(__name__)

_LINE_SECONDS = 30.0


class Progress:
    """Counts what is done of a total; a context manager."""

    def __init__(self, what: str, total: int, unit: str = "images") -> None:
        """Show the start.

        Args:
            what: What is being done, such as "extracting train".
            total: The total, in units.
            unit: "B" for bytes, else a plural such as "images".
        """
        self._what, self._total, self._unit = what, total, unit
        self._done, self._start = 0, monotonic()
        self._next_line = self._start + _LINE_SECONDS
        self._live = sys.stderr.isatty()
        space = "" if unit == "B" else " "
        self._bar: tqdm[Any] = tqdm(
            total=total,
            desc=what,
            unit=f"{space}{unit}",
            unit_scale=unit == "B",
            dynamic_ncols=True,
            disable=not self._live,
        )

    def advance(self, done: int) -> None:
        """Add what was done since the last call."""
        self._bar.update(done)
        self._done += done
        if not self._live and monotonic() >= self._next_line:
            self._next_line = monotonic() + _LINE_SECONDS
            self._log()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def _log(self) -> None:
        rate = self._done / (monotonic() - self._start)
        left = (self._total - self._done) / rate if rate else 0
        logger.info(
            "%s: %.0f%%, %s%s/s, %s left",
            self._what,
            100 * self._done / max(self._total, 1),
            tqdm.format_sizeof(rate),
            "B" if self._unit == "B" else f" {self._unit}",
            tqdm.format_interval(left),
        )
