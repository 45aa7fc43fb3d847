"""A whole training run: start or resume, train, record, save, export."""

import logging
from pathlib import Path
from typing import Any

from sagan.common.devices import fastest_convolutions
from sagan.common.files import display_path
from sagan.data.shards.store import ShardStore
from sagan.models.ops.sync_batch_norm import statistics_alone
from sagan.processes.signals import StopRequest, TrainingInterrupted
from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import World
from sagan.training.core.loop import training_loop
from sagan.training.core.sizes import images_per_step, steps_between
from sagan.training.core.state import TrainingState
from sagan.training.core.steps import NonFiniteError
from sagan.training.monitor.observer import Observer
from sagan.training.monitor.scoring import OnScore, Scorer, is_scored, scores_in
from sagan.training.oom import explained_memory
from sagan.training.results import JOURNAL, export_chosen, write_summary
from sagan.training.store.checkpoints import CheckpointStore
from sagan.training.store.identity import (
    differences,
    environment,
    git_commit,
    identity_hash,
    run_identity,
)
from sagan.training.store.journal import Journal, Record
from sagan.training.store.resume import claim_folder, state_to_go_on_from

logger = logging.getLogger(__name__)


def train_here(
    config: TrainingConfig,
    shards: ShardStore,
    world: World,
    stop: StopRequest,
    *,
    runs_dir: Path,
    feature_cache: Path,
    on_score: OnScore | None = None,
) -> None:
    """Train as one of the processes of `world`, or alone; what is made lies in the run's folder."""
    with explained_memory(config, world.device), fastest_convolutions(world.device):
        run = _Run(config, shards, runs_dir, world)
        if world.lead and config.scoring.every_images:
            run.scorer = Scorer(config, shards, feature_cache, world.device)
            run.on_score = on_score
        run.resume()
        run.to_the_end(stop)
        if world.lead:
            run.leave_results()
    world.wait_for_lead()
    if stop:  # while exporting: nothing is lost, but what comes next in the stream must not start
        raise TrainingInterrupted


class _Run:
    """One run's folder and everything open in it."""

    def __init__(
        self, config: TrainingConfig, shards: ShardStore, workspace: Path, world: World
    ) -> None:
        self.config, self.shards, self.world = config, shards, world
        self.identity = run_identity(config, shards)
        self.name = identity_hash(self.identity)
        self.workspace, self.path = workspace, workspace / self.name
        self.environment = environment(world.device, config)
        self.state = TrainingState(config, shards, world.device)
        self.scorer: Scorer | None = None  # the lead's
        self.on_score: OnScore | None = None
        self.saved_images = 0
        self.watched: dict[str, int] = {}  # the watch's state at the newest checkpoint
        if world.lead:  # the others write nothing
            self.checkpoints = CheckpointStore(
                self.path, keep=config.keep_checkpoints, scored_by=config.scoring.kind
            )
            self.journal = Journal(self.path / JOURNAL)
            claim_folder(self.path, self.identity)

    def resume(self) -> None:
        """Take over the newest checkpoint, or another run's, or start at 0 images."""
        saved = None
        if self.world.lead:
            saved = state_to_go_on_from(
                self.config, self.checkpoints, self.workspace, self.identity
            )
        saved = self.world.from_lead(saved)
        if saved is not None:
            self._take_over(saved)
        self.saved_images = self.state.images_seen
        if self.world.lead:
            self.checkpoints.clean()
            needed = self.checkpoints.needed_bytes(
                self.state.state_dict(), scored=self.scorer is not None
            )
            self.checkpoints.require_space(needed)
            self.journal.rewind(self.state.images_seen)
            self._say_start(fresh=saved is None)
            if saved is not None:
                self._say_elsewhere(saved["environment"])
            if self.on_score is not None:
                for score in scores_in(self.journal.read()):
                    self.on_score(score)
        self.world.wait_for_lead()

    def _take_over(self, saved: dict[str, Any]) -> None:
        try:
            self.state.load_state_dict(saved)
            self.watched = saved["watched"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"the checkpoint at {saved.get('images_seen')} images does not fit this version "
                f"of the code ({type(error).__name__}: {error}); train from scratch, or use the "
                "version that wrote it"
            ) from error

    def _say_start(self, *, fresh: bool) -> None:
        seen = self.state.images_seen
        if fresh:
            logger.info("run %s starts on %s", self.name, self.world.device)
        elif seen < self.config.total_images:
            logger.info("run %s resumes at %s images", self.name, f"{seen:,}")
        else:
            logger.info("run %s is complete; another training.seed starts a new one", self.name)
        logger.info("checkpoints: %s", display_path(self.path))

    def _say_elsewhere(self, before: dict[str, Any]) -> None:
        changed = differences(before, self.environment)
        if changed:
            message = f"not bit-exact: {'; '.join(changed)}"
            logger.warning("resumed under other conditions, %s", message)
            self.journal.append(self._event("resumed_elsewhere", message))

    def _event(self, kind: str, message: str, **facts: Any) -> Record:  # noqa: ANN401 - JSON-able
        step = self.state.images_seen // images_per_step(self.config)
        seen = {"step": step, "images_seen": self.state.images_seen}
        return {"event": kind, **seen, "message": message, **facts}

    def to_the_end(self, stop: StopRequest) -> None:
        """Train, record and save, until the budget is used or a signal asks to stop."""
        config, state, world = self.config, self.state, self.world
        interval = steps_between(config, config.checkpoint_every_images)
        if world.any(bool(stop)):
            self._say_interrupted(stop, "stopped")
            raise TrainingInterrupted
        with Observer(config, world, state, self.shards, self.path) as observer:
            observer.watched = self.watched
            self._make_up_for_a_score(observer)
            try:
                for record in training_loop(state, self.shards, config, world):
                    step = record.images_seen // images_per_step(config)
                    last = record.images_seen >= config.total_images
                    stopping = world.any(bool(stop)) and not last
                    observer.observe(record, step, last=last)
                    scored = is_scored(config, step, last=last)
                    if scored or step % interval == 0 or last or stopping:
                        self._save(observer)
                    if scored and not stopping:  # else it is made up for when the run goes on
                        self._score(observer, step)
                    if stopping:
                        self._say_interrupted(stop, "saved")
                        raise TrainingInterrupted
            except NonFiniteError as error:
                raise self._explained(error) from None

    def _make_up_for_a_score(self, observer: Observer) -> None:
        """Score the checkpoint that the run goes on from, if it ended before that was done."""
        seen = self.state.images_seen
        step, last = seen // images_per_step(self.config), seen >= self.config.total_images
        missing = False
        if self.scorer is not None and seen and is_scored(self.config, step, last=last):
            scored = {score.images_seen for score in scores_in(self.journal.read())}
            missing = seen not in scored and self.checkpoints.path_of(seen).exists()
        if self.world.any(missing):
            self._score(observer, step)

    def _score(self, observer: Observer, step: int) -> None:
        """The lead scores the generator of the newest checkpoint; the others wait, perhaps long."""
        if self.scorer is not None:
            with statistics_alone():
                score = self.scorer.score(self.state)
            self.checkpoints.rate(self.checkpoints.path_of(score.images_seen), score.rank)
            observer.scored(score, step)
            if self.on_score is not None:
                self.on_score(score)
        self.world.wait_for_lead()

    def _require_finite(self) -> None:
        broken = self.state.not_finite()
        if self.world.any(bool(broken)):
            raise NonFiniteError("run", broken)

    def _save(self, observer: Observer) -> None:
        """Write a checkpoint; the other processes wait for it, however long it takes.

        Raises:
            NonFiniteError: the state is not finite, in any process; nothing is written then.
        """
        self._require_finite()
        if self.world.lead:
            facts = {
                "identity": self.identity,
                "environment": self.environment,
                "watched": observer.watched,
            }
            self.journal.sync()  # a checkpoint must not outlive its records
            self.checkpoints.save(self.state.state_dict() | facts, self.state.images_seen)
        self.saved_images = self.state.images_seen
        self.world.wait_for_lead()

    def _explained(self, error: NonFiniteError) -> NonFiniteError:
        """The error with where it happened and what to do, written to the journal as well."""
        kept = "There is no checkpoint yet"
        if self.saved_images:
            kept = f"The checkpoint at {self.saved_images:,} images is intact"
        where = (
            f"; after {self.state.images_seen:,} images. {kept}; lower learning rates, or "
            "precision fp32, may help"
        )
        if self.world.lead:
            event = self._event("non_finite", str(error), network=error.network)
            facts = {name: repr(value) for name, value in error.facts.items()}  # JSON has no NaN
            self.journal.append(event | {"facts": facts})
        return NonFiniteError(error.network, error.facts, where)

    def _say_interrupted(self, stop: StopRequest, done: str) -> None:
        if self.world.lead:
            logger.warning(
                "%s: %s at %s images; the same command resumes the run",
                stop.signal_name or "another process was asked to stop",
                done,
                f"{self.state.images_seen:,}",
            )

    def leave_results(self) -> None:
        """Export the generator and sum the run up."""
        fingerprint = {
            "run": self.name,
            "git_commit": git_commit(),
            "precision": self.config.precision,
            "data_hash": self.shards.data_hash,
            **self.environment,
        }
        write_summary(
            self.path,
            self.state,
            self.config,
            journal=self.journal.read(),
            fingerprint=fingerprint,
        )
        with statistics_alone():  # the other processes wait elsewhere
            export_chosen(
                self.path,
                self.state,
                self.config,
                self.shards,
                self.checkpoints,
                facts={"fingerprint": fingerprint, "recipe": self.config.recipe},
            )
