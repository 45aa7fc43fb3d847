"""What a run tells while it goes: journal, event files, progress, and the collapse watch."""

import logging
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sagan.data.shards.store import ShardStore
from sagan.models.ops.sync_batch_norm import sync_batch_norm_disabled
from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.loop import StepRecord
from sagan.training.core.sizes import images_per_step
from sagan.training.core.state import TrainingState
from sagan.training.monitor.collapse import CollapseWatch
from sagan.training.monitor.progress import Progress
from sagan.training.monitor.scoring import Score
from sagan.training.store.journal import Journal, Record

logger = logging.getLogger(__name__)


class Observer:
    """Watches the steps of one run; only the lead writes, all processes must call `observe`."""

    def __init__(
        self,
        config: TrainingConfig,
        context: DistributedContext,
        state: TrainingState,
        shards: ShardStore,
        run: Path,
    ) -> None:
        """Take the run, its processes, what it trains, its images and its folder."""
        self._config, self._context, self._state = config, context, state
        self._seconds, self._steps = 0.0, 0  # since the last record
        if context.is_main:
            self._open(shards, run)

    def _open(self, shards: ShardStore, run: Path) -> None:
        config, state = self._config, self._state
        self._journal = Journal(run / "journal.jsonl")
        self._progress = Progress(
            images_seen=state.images_seen,
            total_images=config.total_images,
            images_per_step=images_per_step(config),
        )
        self._events = None
        if config.tensorboard:
            from sagan.training.monitor.tensorboard import EventFiles

            step = state.images_seen // images_per_step(config)
            self._events = EventFiles(run / "tensorboard", purge_step=step + 1)
        self._watch = (
            CollapseWatch(config, shards, self._context.device) if config.watch.enabled else None
        )

    @property
    def watched(self) -> dict[str, int]:
        """The lead's watch, as a checkpoint keeps it."""
        return {} if self._watch is None else self._watch.state_dict()

    @watched.setter
    def watched(self, before: dict[str, int]) -> None:
        if self._context.is_main and self._watch is not None:
            self._watch.load_state_dict(before)

    def __enter__(self) -> Self:
        if self._context.is_main:
            self._progress.__enter__()
        self._context.wait_for_main()  # TensorBoard is slow to import
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._context.is_main:
            self._progress.__exit__(kind, error, trace)
            if self._events is not None:
                self._events.close()

    def observe(self, record: StepRecord, step: int, *, last: bool) -> None:
        """Take note of a step; write a record of it where one is due."""
        config = self._config
        self._seconds, self._steps = self._seconds + record.seconds, self._steps + 1
        if self._context.is_main:
            self._progress.advance(record.images_seen)
        looked = config.watch.enabled and (step % config.watch.every_steps == 0 or last)
        if step % config.log_every_steps == 0 or last or step == 1 or looked:
            self._write(record, step, looked=looked)
            self._seconds, self._steps = 0.0, 0
        if looked:
            self._context.wait_for_main()

    def _write(self, record: StepRecord, step: int, *, looked: bool) -> None:
        entry = self._entry(record, step)
        if not self._context.is_main:
            return
        warnings: list[str] = []
        if looked and self._watch is not None:
            with sync_batch_norm_disabled():  # the other processes wait
                look = self._watch.look(self._state)
            entry, warnings = entry | look.scalars, look.warnings
            if self._events is not None:
                columns = self._config.watch.images_per_class
                self._events.images("fixed_latents", look.images, step, columns=columns)
        self._journal.append(entry)
        for message in warnings:
            seen = {"step": step, "images_seen": record.images_seen}
            self._journal.append({"event": "warning", **seen, "message": message})
        if self._events is not None:
            self._events.scalars(entry, step)
        self._progress.show(entry)

    def scored(self, score: Score, step: int) -> None:
        """Take note of a score; for the lead."""
        self._journal.append(score.record(step))
        if self._events is not None:
            self._events.scalars({f"score/{name}": v for name, v in score.scores.items()}, step)

    def _entry(self, record: StepRecord, step: int) -> Record:
        """The numbers of a step, averaged over all processes."""
        tensors = {
            "discriminator_loss": record.discriminator.loss,
            "generator_loss": record.generator.loss,
            "real_logits": record.discriminator.real_logits,
            "fake_logits": record.discriminator.fake_logits,
            "gradient_norm/discriminator": record.discriminator.gradient_norm,
            "gradient_norm/generator": record.generator.gradient_norm,
        } | self._state.gammas()
        values = self._context.mean(list(tensors.values()))
        entry: dict[str, Any] = {"step": step, "images_seen": record.images_seen}
        entry |= dict(zip(tensors, values, strict=True))
        if self._config.lr_schedule != "constant":
            entry["generator_lr"] = self._state.generator_optimizer.param_groups[0]["lr"]
            entry["discriminator_lr"] = self._state.discriminator_optimizer.param_groups[0]["lr"]
        entry["images_per_second"] = self._steps * images_per_step(self._config) / self._seconds
        return entry
