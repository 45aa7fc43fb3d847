"""Progress of training: a bar on a terminal, otherwise occasional log lines."""

import logging
import sys
import threading
import time
from contextlib import ExitStack

from tqdm import tqdm

from sagan.common.terminal import log_above_bars
from sagan.training.store.journal import Record

logger = logging.getLogger(__name__)
_LOG_LINES = 20  # per run, without a terminal


class Progress:
    """Shows step, losses, images/s and time left."""

    def __init__(self, *, images_seen: int, total_images: int, images_per_step: int) -> None:
        """Start at `images_seen` of `total_images`."""
        self._per_step, self._total = images_per_step, total_images
        self._next_line = 0
        self._started: tuple[float, int] | None = None  # time and images at the first record
        self._is_terminal = sys.stderr.isatty()
        # tqdm's own lock is shared between processes and outlives a killed one
        tqdm.set_lock(threading.RLock())
        self._bar = tqdm(
            total=total_images,
            initial=images_seen,
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            mininterval=0.5,
            smoothing=0,  # the rate since the start: the time left does not jump
            disable=not self._is_terminal,
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
        self._bar.update(min(images_seen, self._total) - self._bar.n if self._is_terminal else 0)

    def show(self, record: Record) -> None:
        """Show the newest record of the journal."""
        losses = f"D {record['discriminator_loss']:.2f}, G {record['generator_loss']:+.2f}"
        self._bar.set_description_str(f"step {record['step']}, {losses}, ", refresh=False)
        if not self._is_terminal and record["images_seen"] >= self._next_line:
            self._next_line = record["images_seen"] + self._total // _LOG_LINES
            logger.info(
                "step %d of %d, %s, %.0f images/s%s",
                record["step"],
                -(-self._total // self._per_step),
                losses,
                record["images_per_second"],
                self._left(record["images_seen"]),
            )

    def _left(self, images_seen: int) -> str:
        """The time left at the mean speed since the first record, whose step is a slow one."""
        now = time.monotonic()
        if self._started is None:
            self._started = now, images_seen
        seconds, images = now - self._started[0], images_seen - self._started[1]
        if not images:
            return ""
        left = max(0, self._total - images_seen) * seconds / images
        return f", {tqdm.format_interval(left)} left"
