"""Recording of a run: journal, TensorBoard, progress bar and collapse checks."""

import logging
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

from sagan.data.shards.store import ShardStore
from sagan.models.ops.sync_batch_norm import sync_batch_norm_disabled
from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.loop import StepRecord
from sagan.training.core.sizes import images_per_step
from sagan.training.core.state import TrainingState
from sagan.training.monitor.collapse import CollapseMonitor
from sagan.training.monitor.progress import Progress
from sagan.training.monitor.scoring import Score
from sagan.training.monitor.trackers import Trackers
from sagan.training.store.journal import JOURNAL, Journal, Record

logger = logging.getLogger(__name__)


class Observer:
    """Records the steps of a run; the main process writes, all processes must call `observe`."""

    def __init__(
        self,
        config: TrainingConfig,
        context: DistributedContext,
        state: TrainingState,
        shards: ShardStore,
        run: Path,
    ) -> None:
        """Prepare the recording of a run in its folder."""
        self._config, self._context, self._state = config, context, state
        self._seconds, self._steps = 0.0, 0  # since the last record
        self._monitor: CollapseMonitor | None = None
        self._resources = ExitStack()
        if context.is_main:
            self._journal = Journal(run / JOURNAL)
            if config.watch.enabled:
                self._monitor = CollapseMonitor(config, shards, context.device)
            step = state.images_seen // images_per_step(config)
            self._trackers = Trackers(config, run, purge_step=step + 1)

    @property
    def watch_state(self) -> dict[str, int]:
        """State of the collapse monitor, for checkpoints; empty outside the main process."""
        return {} if self._monitor is None else self._monitor.lasting

    @watch_state.setter
    def watch_state(self, state: dict[str, int]) -> None:
        if self._monitor is not None:
            self._monitor.lasting = dict(state)

    def __enter__(self) -> Self:
        if self._context.is_main:
            progress = Progress(
                images_seen=self._state.images_seen,
                total_images=self._config.total_images,
                images_per_step=images_per_step(self._config),
            )
            self._progress = self._resources.enter_context(closing(progress))
        self._context.wait_for_main()  # TensorBoard is slow to import
        return self

    def __exit__(self, *_: object) -> None:
        self._resources.close()
        if self._context.is_main:
            complete = self._state.images_seen >= self._config.total_images
            self._trackers.close(complete=complete)

    def observe(self, record: StepRecord, step: int, *, last: bool) -> None:
        """Account for a step; write a record if one is due."""
        config = self._config
        self._seconds, self._steps = self._seconds + record.seconds, self._steps + 1
        if self._context.is_main:
            self._progress.advance(record.images_seen)
        checked = config.watch.enabled and (step % config.watch.every_steps == 0 or last)
        if step % config.log_every_steps == 0 or last or step == 1 or checked:
            entry = self._entry(record, step)
            if self._context.is_main:
                self._write(entry, checked=checked)
            self._seconds, self._steps = 0.0, 0
        if checked:
            self._context.wait_for_main()

    def _write(self, entry: Record, *, checked: bool) -> None:
        warnings: list[str] = []
        seen = {"step": entry["step"], "images_seen": entry["images_seen"]}
        if checked and self._monitor is not None:
            with sync_batch_norm_disabled():  # the other processes wait
                diagnostics = self._monitor.check(self._state)
            entry, warnings = entry | diagnostics.scalars, diagnostics.warnings
            columns = self._config.watch.images_per_class
            images = diagnostics.images
            self._trackers.images("fixed_latents", images, entry["step"], columns=columns)
        self._journal.append(entry)
        for message in warnings:
            self._journal.append({"event": "warning", **seen, "message": message})
        self._trackers.scalars(entry, entry["step"])
        self._progress.show(entry)

    def record_score(self, score: Score, step: int) -> None:
        """Record a score; in the main process only."""
        self._journal.append(score.to_record(step))
        self._trackers.scores(score.scores, step)

    def _entry(self, record: StepRecord, step: int) -> Record:
        """The numbers of a step, averaged over all processes.

        Raises:
            NonFiniteError: an update was not finite: such a step has no record.
        """
        self._state.require_finite()
        tensors = {
            "discriminator_loss": record.discriminator.loss,
            "generator_loss": record.generator.loss,
            "real_logits": record.discriminator.real_logits,
            "fake_logits": record.discriminator.fake_logits,
            "overfitting/real_signs": record.discriminator.real_signs,
            "gradient_norm/discriminator": record.discriminator.gradient_norm,
            "gradient_norm/generator": record.generator.gradient_norm,
        }
        tensors |= self._state.overfitting_controls() | self._state.gammas()
        values = self._context.mean(list(tensors.values()))
        entry: dict[str, Any] = {"step": step, "images_seen": record.images_seen}
        entry |= dict(zip(tensors, values, strict=True))
        if self._config.lr_schedule != "constant":
            entry |= self._state.rates()
        entry["images_per_second"] = self._steps * images_per_step(self._config) / self._seconds
        return entry
