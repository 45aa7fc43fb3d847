"""One training run in one process: resume, train, record, save, score, export."""

import logging
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from sagan.common.devices import computes_bf16, fastest_convolutions
from sagan.common.files import display_path
from sagan.common.schema import differences
from sagan.data.shards.store import ShardStore
from sagan.models.ops.sync_batch_norm import sync_batch_norm_disabled
from sagan.processes.lock import exclusive_folder
from sagan.processes.signals import StopRequest, TrainingInterrupted
from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.finite import NonFiniteError
from sagan.training.core.loop import training_loop
from sagan.training.core.sizes import images_per_step, steps_between
from sagan.training.core.state import TrainingState
from sagan.training.monitor.observer import Observer
from sagan.training.monitor.scoring import OnScore, Scorer, is_scored, scores_in
from sagan.training.results import export_chosen, write_summary
from sagan.training.store.checkpoints import CheckpointStore
from sagan.training.store.identity import environment, identity_hash, run_identity
from sagan.training.store.journal import JOURNAL, Journal, Record
from sagan.training.store.resume import load_resume_state, write_identity
from sagan.training.store.runs import log_other_precision
from sagan.training.store.start import start_from_model, start_in
from sagan.training.torch_errors import reworded_torch_errors

logger = logging.getLogger(__name__)


def run_training(
    config: TrainingConfig,
    shards: ShardStore,
    context: DistributedContext,
    stop: StopRequest,
    *,
    runs_dir: Path,
    feature_cache: Path,
    on_score: OnScore | None = None,
) -> None:
    """Train as one of the processes of `context`; results are written to the run's folder."""
    with reworded_torch_errors(config, context.device), fastest_convolutions(context.device):
        config = config.for_image_size(shards.image_size)
        run = _Run(config, shards, runs_dir, context)
        with exclusive_folder(run.path) if context.is_main else nullcontext():
            if context.is_main and config.scoring.every_images:
                run.scorer = Scorer(config, shards, feature_cache, context.device)
                run.on_score = on_score
            run.resume()
            run.train(stop)
            if context.is_main:
                run.export()
    context.wait_for_main()
    if stop:  # while exporting: nothing is lost, but the next node must not start
        raise TrainingInterrupted


class _Run:
    """One run's folder and everything open in it."""

    def __init__(
        self,
        config: TrainingConfig,
        shards: ShardStore,
        runs_dir: Path,
        context: DistributedContext,
    ) -> None:
        self.config, self.shards, self.context = config, shards, context
        identity = run_identity(config, shards, runs_dir) if context.is_main else None
        self.identity: dict[str, Any] = context.broadcast_from_main(identity)
        self.name = identity_hash(self.identity)
        self.runs_dir, self.path = runs_dir, runs_dir / self.name
        self.environment = environment(context.device, config)
        self.state = TrainingState(config, shards, context.device)
        self.scorer: Scorer | None = None  # of the main process
        self.on_score: OnScore | None = None
        self.saved_images = 0
        self.watch_state: dict[str, int] = {}  # of the collapse monitor, at the newest checkpoint
        if context.is_main:  # the others write nothing
            self.checkpoints = CheckpointStore(
                self.path, keep=config.keep_checkpoints, scored_by=config.scoring.kind
            )
            self.journal = Journal(self.path / JOURNAL)
            write_identity(self.path, self.identity, config.run_name)

    def resume(self) -> None:
        """Load the newest checkpoint, or another run's, or start at 0 images."""
        saved = None
        if self.context.is_main:
            saved = load_resume_state(self.config, self.checkpoints, self.runs_dir, self.identity)
        saved = self.context.broadcast_from_main(saved)
        if saved is not None:
            self._load_state(saved)
        started = None
        if saved is None and self.config.start_from is not None:
            started = start_from_model(
                self.config, self.state, self.shards, self.context, self.runs_dir, self.identity
            )
        self.saved_images = self.state.images_seen
        if self.context.is_main:
            self.checkpoints.clean()
            needed = self.checkpoints.needed_bytes(
                self.state.state_dict(), scored=self.scorer is not None
            )
            self.checkpoints.require_space(needed)
            # a run that starts again keeps nothing of a start that was cut before its checkpoint
            self.journal.rewind(self.state.images_seen if saved is not None else -1)
            self._log_start(fresh=saved is None)
            if started is not None:
                self.journal.append(started)
            if saved is not None and self.state.images_seen < self.config.total_images:
                self._log_changed_environment(saved["environment"])
            elif saved is not None:  # nothing is left to compute here
                self.environment = saved["environment"]
            if self.on_score is not None:
                for score in scores_in(self.journal.read()):
                    self.on_score(score)
        self.context.wait_for_main()

    def _load_state(self, saved: dict[str, Any]) -> None:
        try:
            self.state.load_state_dict(saved)
            self.watch_state = saved["watched"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"the checkpoint at {saved.get('images_seen')} images does not fit this version "
                f"of the code ({type(error).__name__}: {error}); train from scratch, or use the "
                "version that wrote it"
            ) from error

    def _log_start(self, *, fresh: bool) -> None:
        seen = self.state.images_seen
        if fresh:
            named = f" ({self.config.run_name})" if self.config.run_name else ""
            logger.info("run %s%s starts on %s", self.name, named, self.context.device)
            log_other_precision(self.runs_dir, self.identity)
            if self.config.freeze_discriminator_layers and self.config.start_from is None:
                logger.warning(
                    "training.freeze_discriminator_layers keeps layers at new random weights, as "
                    "there is no training.start_from"
                )
            if self.shards.num_classes == 1 and self.config.model.generator.class_conditional:
                logger.warning(
                    "the images have one class, so that class conditioning adds nothing; "
                    "training.recipe=sagan_unconditional (sagan train --recipe) trains without it"
                )
        elif seen < self.config.total_images:
            logger.info("run %s resumes at %s images", self.name, f"{seen:,}")
        else:
            logger.info("run %s is complete; another training.seed starts a new one", self.name)
        logger.info("checkpoints: %s", display_path(self.path))
        images = len(self.shards.split("train"))
        if self.config.batch_size > images:
            logger.warning(
                "training.batch_size %d is larger than the %d training images: every batch has "
                "images more than once",
                self.config.batch_size,
                images,
            )
        if self.config.precision == "bf16" and not computes_bf16(self.context.device.type):
            logger.warning(
                "%s has no instructions for bfloat16: precision bf16 is emulated and many times "
                "slower than fp32; training.precision=auto takes bf16 only where it is fast",
                self.context.device,
            )

    def _log_changed_environment(self, before: dict[str, Any]) -> None:
        if changed := differences(before, self.environment):
            message = f"not bit-exact: {'; '.join(changed)}"
            logger.warning("resumed under other conditions, %s", message)
            self.journal.append(self._event("resumed_elsewhere", message))

    def _event(self, kind: str, message: str, **facts: Any) -> Record:  # noqa: ANN401 - JSON-able
        step = self.state.images_seen // images_per_step(self.config)
        seen = {"step": step, "images_seen": self.state.images_seen}
        return {"event": kind, **seen, "message": message, **facts}

    def train(self, stop: StopRequest) -> None:
        """Train, record and save, until the budget is used or a signal asks to stop."""
        config, state, context = self.config, self.state, self.context
        interval = steps_between(config, config.checkpoint_every_images)
        if context.any(bool(stop)):
            self._log_interrupted(stop, "stopped")
            raise TrainingInterrupted
        with Observer(config, context, state, self.shards, self.path) as observer:
            observer.watch_state = self.watch_state
            self._score_missing_checkpoint(observer)
            try:
                for record in training_loop(state, self.shards, config, context):
                    step = record.images_seen // images_per_step(config)
                    last = record.images_seen >= config.total_images
                    stopping = context.any(bool(stop)) and not last
                    observer.observe(record, step, last=last)
                    scored = is_scored(config, step, last=last)
                    if scored or step % interval == 0 or last or stopping:
                        self._save(observer)
                    if scored and not stopping:  # else the resumed run scores it first
                        self._score(observer, step)
                    if stopping:
                        self._log_interrupted(stop, "saved")
                        raise TrainingInterrupted
            except NonFiniteError as error:
                raise self._with_remedy(error) from None

    def _score_missing_checkpoint(self, observer: Observer) -> None:
        """Score the checkpoint that the run resumes from, if the run ended before its score."""
        seen = self.state.images_seen
        step, last = seen // images_per_step(self.config), seen >= self.config.total_images
        missing = False
        if self.scorer is not None and seen and is_scored(self.config, step, last=last):
            scored = {score.images_seen for score in scores_in(self.journal.read())}
            missing = seen not in scored and self.checkpoints.path_of(seen).exists()
        if self.context.any(missing):
            self._score(observer, step)

    def _score(self, observer: Observer, step: int) -> None:
        """Score the generator of the newest checkpoint in the main process; the others wait."""
        if self.scorer is not None:
            with sync_batch_norm_disabled():
                score = self.scorer.score(self.state)
            self.checkpoints.rate(self.checkpoints.path_of(score.images_seen), score.rank)
            observer.record_score(score, step)
            if self.on_score is not None:
                self.on_score(score)
        self.context.wait_for_main()

    def _require_finite(self) -> None:
        self.state.require_finite()
        broken = self.state.not_finite()
        if self.context.any(bool(broken)):
            raise NonFiniteError("run", broken)

    def _save(self, observer: Observer) -> None:
        """Write a checkpoint; the other processes wait for it, however long it takes.

        Raises:
            NonFiniteError: the state is not finite, in any process; nothing is written then.
        """
        self._require_finite()
        if self.context.is_main:
            facts = {
                "identity": self.identity,
                "environment": self.environment,
                "watched": observer.watch_state,
                "class_names": list(self.shards.class_names),  # for a run that starts from it
            }
            self.journal.sync()  # a checkpoint must not outlive its records
            self.checkpoints.save(self.state.state_dict() | facts, self.state.images_seen)
        self.saved_images = self.state.images_seen
        self.context.wait_for_main()

    def _with_remedy(self, error: NonFiniteError) -> NonFiniteError:
        """The error with its place in the run and a remedy; recorded in the journal as well."""
        kept = "There is no checkpoint yet"
        if self.saved_images:
            kept = f"The checkpoint at {self.saved_images:,} images is intact"
        where = (
            f"; after {self.state.images_seen:,} images. {kept}; lower learning rates, or "
            "precision fp32, may help"
        )
        if self.context.is_main:
            event = self._event("non_finite", str(error), network=error.network)
            facts = {name: repr(value) for name, value in error.facts.items()}  # JSON has no NaN
            self.journal.append(event | {"facts": facts})
        return NonFiniteError(error.network, error.facts, where)

    def _log_interrupted(self, stop: StopRequest, done: str) -> None:
        if self.context.is_main:
            logger.warning(
                "%s: %s at %s images; the same command resumes the run",
                stop.signal_name or "another process was asked to stop",
                done,
                f"{self.state.images_seen:,}",
            )

    def export(self) -> None:
        """Export the generator and write the summary."""
        journal, precision = self.journal.read(), self.config.resolved().precision
        made_on = {"precision": precision, "data_hash": self.shards.data_hash, **self.environment}
        fingerprint = write_summary(
            self.path, self.state, self.config, journal=journal, made_on=made_on
        )
        with sync_batch_norm_disabled():  # the other processes wait elsewhere
            export_chosen(
                self.path,
                self.state,
                self.config,
                self.shards,
                self.checkpoints,
                facts={
                    "fingerprint": fingerprint,
                    "recipe": self.config.recipe,
                    **start_in(journal),
                },
            )
