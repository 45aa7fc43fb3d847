"""Worker: one process that runs trials until none is left."""

import logging
import math
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import optuna
from optuna.trial import Trial
from pydantic import ValidationError

from sagan.common.devices import is_gpu_lost
from sagan.common.schema import ClearError, describe_faults
from sagan.processes.child import describe_failure
from sagan.processes.signals import EXIT_GPU_LOST, StopRequest, TrainingInterrupted, stop_requests
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import images_per_step, total_steps
from sagan.tuning.storage.location import StorageError, open_storage, storage_access
from sagan.tuning.study import make_pruner, make_sampler
from sagan.tuning.workers.context import Report, StudySpec, TrialContext
from sagan.tuning.workers.trial_queue import TrialQueue, origin, was_killed

logger = logging.getLogger(__name__)

_WAIT_SECONDS = 1.0  # between checks, while others work on the last trials
IMAGES, STOPPED, NUMBERS = "images_seen", "pruned_at_images", "numbers"


class DivergedError(ClearError, ValueError):
    """A trial's objective is not finite."""


class Worker:
    """Takes trials from the queue and runs them."""

    def __init__(self, spec: StudySpec, deadline: float | None = None) -> None:
        """Open the study, which exists.

        Raises:
            StorageError: the storage cannot be used.
        """
        self._spec, self._deadline = spec, deadline
        self._stop = StopRequest()
        config, self._space = spec.config, spec.space
        storage = open_storage(spec.location, config.heartbeat_seconds)
        with storage_access(spec.location):
            study = optuna.load_study(
                study_name=config.study,
                storage=storage,
                sampler=make_sampler(config.sampler, 0),
                pruner=make_pruner(config.pruner),
            )
        self.queue = TrialQueue(study, spec.location, config, self._space)

    def work(self, stop: StopRequest) -> None:
        """Run trials until none is left; wait for those of others, which may yet be requeued.

        Raises:
            TrainingInterrupted: asked to stop; the trial is back in the queue.
            StorageError: the storage cannot be used.
        """
        self._stop = stop
        while not stop:
            if self._deadline is not None and time.time() > self._deadline:
                logger.info("time limit reached: no new trial is started")
                return
            trial = self.queue.claim()
            if trial is not None:
                self._run(trial)
                self._remove_folders()
            elif self.queue.running():
                time.sleep(_WAIT_SECONDS)
            else:
                return

    def _run(self, trial: Trial) -> None:
        """Run a trial and record how it ended; a lost GPU ends the worker, which is replaced."""
        logger.info("trial %d: %s", trial.number, self._space.decoded(trial.params))
        try:
            with _heartbeats(self.queue, trial, self._spec.config.heartbeat_seconds):
                numbers = self._numbers(trial)
                values = [float(numbers[name]) for name in self._spec.config.objectives]
                _require_finite(dict(zip(self._spec.config.objectives, values, strict=True)))
        except optuna.TrialPruned:
            self.queue.prune(trial)
        except (TrainingInterrupted, KeyboardInterrupt):
            self.queue.put_back(trial)
            raise TrainingInterrupted from None
        except StorageError:
            raise  # not the trial's fault
        except Exception as error:
            logger.exception("trial %d failed", trial.number)
            self.queue.fail(trial, _reason(error))
            if is_gpu_lost(error):  # each further trial of this process would fail
                raise SystemExit(EXIT_GPU_LOST) from None
        else:
            finite = {name: float(v) if math.isfinite(v) else None for name, v in numbers.items()}
            self.queue.note(trial, NUMBERS, finite)
            self.queue.complete(trial, values)

    def _numbers(self, trial: Trial) -> Mapping[str, float]:
        values = self._space.decoded(trial.params)
        training = evenly_scored(self._space.training(values), self._spec.config.score_every_images)
        context = TrialContext(
            number=trial.number,
            values=values,
            training=training,
            shards=self._spec.shards,
            folder=self._spec.trial_folder(int(trial.user_attrs.get("origin", trial.number))),
            feature_cache=self._spec.feature_cache,
            report=_reporter(self._spec, self.queue, trial, training),
        )
        context.folder.mkdir(parents=True, exist_ok=True)
        if self._stop:  # while it was taken
            raise TrainingInterrupted
        numbers = self._spec.objective(context)
        if context.sample_grid.is_file():
            self.queue.keep(trial, context.sample_grid, self._spec.artifacts)
        return numbers

    def _remove_folders(self) -> None:
        """Remove the folders of trials that are finished and not the best."""
        if self._spec.config.keep_checkpoints:
            return
        # listed before the trials: one that starts meanwhile is not removed
        folders = list(self._spec.folder.glob("trial-*"))
        trials = [t for t in self.queue.trials() if was_killed(t) or not t.state.is_finished()]
        kept = {origin(trial) for trial in (*trials, *self.queue.best())}
        wanted = {self._spec.trial_folder(number) for number in kept}
        for folder in folders:
            if folder not in wanted:
                shutil.rmtree(folder, ignore_errors=True)  # another worker may do the same


def evenly_scored(training: TrainingConfig, every_images: int) -> TrainingConfig:
    """The training with its scores spread evenly over its steps, the last one at its end.

    The n-th score of trials with different batch sizes then comes at the same part of the budget,
    as near as their steps allow.

    Args:
        training: of a trial.
        every_images: approximate distance of scores [images].
    """
    count = max(1, round(training.total_images / every_images))
    steps = -(-total_steps(training) // count)
    interval = {"every_images": steps * images_per_step(training)}
    return training.model_copy(update={"scoring": training.scoring.model_copy(update=interval)})


def _reporter(spec: StudySpec, queue: TrialQueue, trial: Trial, training: TrainingConfig) -> Report:
    """A function that passes the scores of a trial to the pruner."""

    def report(images_seen: int, value: float) -> None:
        queue.note(trial, IMAGES, images_seen)
        if spec.config.pruner is None:
            return
        _require_finite({spec.config.objectives[0]: value})
        step = -(-images_seen // training.scoring.every_images)
        with storage_access(spec.location):
            trial.report(value, step)  # of an interrupted trial some again, which has no effect
            if images_seen < training.total_images and trial.should_prune():
                logger.info("trial %d pruned at %d images", trial.number, images_seen)
                queue.note(trial, STOPPED, images_seen)
                raise optuna.TrialPruned

    return report


@contextmanager
def _heartbeats(queue: TrialQueue, trial: Trial, every_seconds: float) -> Iterator[None]:
    """Record heartbeats while a trial runs; a storage that is down for a while is survived."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(every_seconds):
            try:
                queue.record_heartbeat(trial)
            except Exception:
                logger.warning("the heartbeat could not be written", exc_info=True)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(timeout=2 * every_seconds)


def run_worker(spec: StudySpec, deadline: float | None) -> None:
    """Work in a process of its own, until no trial is left or a signal asks to stop.

    Raises:
        TrainingInterrupted: asked to stop; the trial is back in the queue.
        StorageError: the storage cannot be used.
    """
    with stop_requests(patient=True) as stop:
        Worker(spec, deadline).work(stop)
    if stop:
        raise TrainingInterrupted


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(describe_faults(error, "training"))
    return describe_failure(error)


def _require_finite(values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise DivergedError(f"{name} is {value}: the training diverged")
