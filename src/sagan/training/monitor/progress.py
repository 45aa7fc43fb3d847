"""Progress of training: a bar on a terminal, otherwise occasional log lines."""

import logging
import sys
import threading
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
            rate = record["images_per_second"]
            left = max(0, self._total - record["images_seen"]) / rate
            logger.info(
                "step %d of %d, %s, %.0f images/s, %s left",
                record["step"],
                -(-self._total // self._per_step),
                losses,
                rate,
                tqdm.format_interval(left),
            )
