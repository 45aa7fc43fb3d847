"""One process that works on trials until none is left."""

import logging
import math
import shutil
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from sagan.common.schema import ClearError, describe_faults
from sagan.processes.signals import StopRequest, TrainingInterrupted
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import images_per_step, total_steps
from sagan.tuning.storage.location import StorageError, explained, open_storage
from sagan.tuning.study import make_pruner, make_sampler
from sagan.tuning.workers.context import Attempt, Job
from sagan.tuning.workers.trial_queue import Ledger, origin, was_killed

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 1.0  # between looks, where others work on the last trials
IMAGES, STOPPED, NUMBERS = "images_seen", "pruned_at_images", "numbers"


class Diverged(ClearError, ValueError):  # noqa: N818 - says what happened
    """A trial's objective is not finite."""


class Worker:
    """Takes trials from the ledger and tries them."""

    def __init__(self, job: Job, number: int = 0, deadline: float | None = None) -> None:
        """Open the study, which has been made before.

        Raises:
            StorageError: the storage cannot be used.
        """
        import optuna

        self._job, self._number, self._deadline = job, number, deadline
        self._stop = StopRequest()
        config, self._space = job.config, job.space
        storage = open_storage(job.place, config.heartbeat_seconds)
        with explained(job.place):
            study = optuna.load_study(
                study_name=config.study,
                storage=storage,
                sampler=make_sampler(config.sampler, 0),
                pruner=make_pruner(config.pruner),
            )
        self.ledger = Ledger(study, job.place, config, self._space)

    def work(self, stop: StopRequest) -> None:
        """Work until no trial is left, those of others included: they may yet be given up.

        Raises:
            TrainingInterrupted: asked to stop; the trial is back in the queue.
            StorageError: the storage cannot be used.
        """
        self._stop = stop
        while not stop:
            if self._deadline is not None and time.time() > self._deadline:
                logger.info("time limit reached: no new trial is started")
                return
            trial = self.ledger.claim()
            if trial is not None:
                self._try(trial)
                self._tidy()
            elif self.ledger.running():
                time.sleep(_WAIT_SECONDS)
            else:
                return

    def _try(self, trial: "Trial") -> None:
        """Work on a trial, and note what came of it."""
        import optuna

        logger.info("trial %d: %s", trial.number, self._space.decoded(trial.params))
        try:
            with _Pulse(self.ledger, trial):
                numbers = self._numbers(trial)
                values = [float(numbers[name]) for name in self._job.config.objectives]
                _require_finite(dict(zip(self._job.config.objectives, values, strict=True)))
        except optuna.TrialPruned:
            self.ledger.prune(trial)
        except (TrainingInterrupted, KeyboardInterrupt):
            self.ledger.put_back(trial)
            raise TrainingInterrupted from None
        except StorageError:
            raise  # not the trial's fault
        except Exception as error:
            logger.exception("trial %d failed", trial.number)
            self.ledger.fail(trial, reason(error))
        else:
            self.ledger.note(trial, NUMBERS, {k: _or_none(v) for k, v in numbers.items()})
            self.ledger.complete(trial, values)

    def _numbers(self, trial: "Trial") -> Mapping[str, float]:
        values = self._space.decoded(trial.params)
        training = evenly_scored(self._space.training(values), self._job.config.score_every_images)
        attempt = Attempt(
            number=trial.number,
            values=values,
            training=training,
            shards=self._job.shards,
            folder=self._job.trial_folder(int(trial.user_attrs.get("origin", trial.number))),
            features=self._job.features,
            worker=self._number,
            report=_Reporter(self._job, self.ledger, trial, training),
        )
        attempt.folder.mkdir(parents=True, exist_ok=True)
        if self._stop:  # while it was taken
            raise TrainingInterrupted
        return self._job.objective(attempt)

    def _tidy(self) -> None:
        """Remove what trials left that are done and not the best."""
        if self._job.config.keep_checkpoints:
            return
        there = list(self._job.folder.glob("trial-*"))  # first: later ones are not looked at
        kept = {origin(t) for t in self.ledger.trials() if was_killed(t) or not _is_done(t)}
        kept |= {origin(trial) for trial in self.ledger.best()}
        wanted = {self._job.trial_folder(number) for number in kept}
        for folder in there:
            if folder not in wanted:
                shutil.rmtree(folder, ignore_errors=True)  # another worker may do the same


def evenly_scored(training: TrainingConfig, every_images: int) -> TrainingConfig:
    """The training with its scores spread evenly over its steps, the last one at its end.

    Trials of other batch sizes take other steps: so the n-th score of each comes at the same share
    of its budget, as near as its steps allow.

    Args:
        training: of a trial.
        every_images: about, between scores [images].
    """
    count = max(1, round(training.total_images / every_images))
    steps = -(-total_steps(training) // count)
    interval = {"every_images": steps * images_per_step(training)}
    return training.model_copy(update={"scoring": training.scoring.model_copy(update=interval)})


class _Reporter:
    """Hands a trial's scores to the pruner."""

    def __init__(self, job: Job, ledger: Ledger, trial: "Trial", training: TrainingConfig) -> None:
        self._job, self._ledger, self._trial, self._training = job, ledger, trial, training
        self._known = set(ledger.reported(trial))

    def __call__(self, images_seen: int, value: float) -> None:
        """Note a score.

        Raises:
            optuna.TrialPruned: the trial is not worth its remaining steps.
            Diverged: the score is not finite.
        """
        import optuna

        config = self._job.config
        self._ledger.note(self._trial, IMAGES, images_seen)
        if config.pruner is None:
            return
        _require_finite({config.objectives[0]: value})
        step = -(-images_seen // self._training.scoring.every_images)
        with explained(self._job.place):
            if step not in self._known:  # else from before an interruption
                self._trial.report(value, step)
                self._known.add(step)
            last = images_seen >= self._training.total_images
            if not last and self._trial.should_prune():
                logger.info("trial %d pruned at %d images", self._trial.number, images_seen)
                self._ledger.note(self._trial, STOPPED, images_seen)
                raise optuna.TrialPruned


class _Pulse:
    """Signs of life while a trial is worked on; a storage that is down for a while is survived."""

    def __init__(self, ledger: Ledger, trial: "Trial") -> None:
        self._ledger, self._trial = ledger, trial
        self._interval = ledger.heartbeat_seconds
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join(timeout=2 * self._interval)

    def _beat(self) -> None:
        while not self._done.wait(self._interval):
            try:
                self._ledger.show_life(self._trial)
            except Exception:
                logger.warning("the heartbeat could not be written", exc_info=True)


def reason(error: BaseException) -> str:
    """Why something failed, in the user's words."""
    if isinstance(error, ValidationError):
        return "; ".join(describe_faults(error, "training"))
    text = " ".join(str(error).split())
    if isinstance(error, ClearError | ValueError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _require_finite(values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise Diverged(f"{name} is {value}: the training diverged")


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _is_done(trial: "FrozenTrial") -> bool:
    return bool(trial.state.is_finished())
