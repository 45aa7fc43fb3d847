"""Progress of training: a bar on a terminal, otherwise occasional log lines."""

import logging
import sys
import threading
import time
from contextlib import ExitStack

from tqdm import tqdm

from sagan.common.progress import next_log_line
from sagan.common.terminal import log_above_bars
from sagan.training.store.journal import Record

logger = logging.getLogger(__name__)


class Progress:
    """Shows step, losses, images/s and time left."""

    def __init__(self, *, images_seen: int, total_images: int, images_per_step: int) -> None:
        """Start at `images_seen` of `total_images`."""
        self._per_step, self._total = images_per_step, total_images
        self._losses = ""
        self._started: tuple[float, int] | None = None  # time and images at the first line
        self._line: tuple[float, int] | None = None  # the same at the last line
        self._next_line = 0.0  # time of the next one
        self._is_terminal = sys.stderr.isatty()
        # tqdm's own lock is shared between processes and outlives a killed one
        tqdm.set_lock(threading.RLock())
        self._bar = tqdm(
            total=total_images,
            initial=images_seen,
            unit=" img",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=0.5,
            smoothing=0,  # the rate since the start: the time left does not jump
            disable=not self._is_terminal or images_seen >= total_images,  # nothing is left to show
            bar_format="training {percentage:3.0f}%|{bar}| {desc}{rate_fmt}, {remaining} left",
        )
        self._log_handler = ExitStack()
        self._log_handler.enter_context(log_above_bars())

    def close(self) -> None:
        """Close the bar and restore the log."""
        self._bar.close()
        self._log_handler.close()

    def advance(self, images_seen: int) -> None:
        """Move to `images_seen`."""
        if self._is_terminal:
            self._describe(images_seen)
            self._bar.update(min(images_seen, self._total) - self._bar.n)
        elif self._losses and images_seen < self._total and time.monotonic() >= self._next_line:
            self._log(images_seen)

    def show(self, record: Record) -> None:
        """Show the newest record of the journal."""
        losses = f"D {record['discriminator_loss']:.2f}, G {record['generator_loss']:+.2f}"
        first, self._losses = not self._losses, losses
        self._describe(record["images_seen"])
        if not self._is_terminal and (first or record["images_seen"] >= self._total):
            self._log(record["images_seen"])

    def _describe(self, images_seen: int) -> None:
        """Put the step, and the losses of the newest record, beside the bar."""
        if self._losses:
            step = self._steps(images_seen)
            self._bar.set_description_str(f"step {step}, {self._losses}, ", refresh=False)

    def _steps(self, images: int) -> int:
        return -(-images // self._per_step)

    def _log(self, images_seen: int) -> None:
        """A line of the log, with the losses of the newest record."""
        now = time.monotonic()
        self._started = self._started or (now, images_seen)
        before, images_before = self._line or (now, images_seen)
        seconds, images = now - before, images_seen - images_before
        digits = 0 if images > 10 * seconds else 1
        rate = f", {images / seconds:.{digits}f} images/s" if images else ""
        logger.info(
            "step %d of %d, %s%s%s",
            self._steps(images_seen),
            self._steps(self._total),
            self._losses,
            rate,
            self._left(images_seen, now),
        )
        self._line = now, images_seen
        self._next_line = next_log_line(self._started[0], now)

    def _left(self, images_seen: int, now: float) -> str:
        """The time left at the mean speed since the first line, whose step is a slow one."""
        started, at_first = self._started or (now, images_seen)
        if images_seen == at_first:
            return ""
        left = max(0, self._total - images_seen) * (now - started) / (images_seen - at_first)
        return f", {tqdm.format_interval(left)} left"
