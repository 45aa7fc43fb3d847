"""Queue of a study's trials, shared by all workers of all machines.

Each trial counts once towards the study's total, however it ended. One whose worker was killed
fails, and its replacement counts instead. One whose worker was asked to stop goes back into the
queue under its own number.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna import Study
from optuna.artifacts import FileSystemArtifactStore, upload_artifact
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from sagan.tuning.config import TuningConfig
from sagan.tuning.space import SearchSpace
from sagan.tuning.storage.location import StorageLocation, storage_access, storage_lock
from sagan.tuning.study import make_sampler
from sagan.tuning.workers.process_names import has_died, this_process

logger = logging.getLogger(__name__)

WORKER, ORIGIN, RETRY_OF, ERROR, NAME = "worker", "origin", "retry_of", "error", "name"


class TrialQueue:
    """The trials of one study."""

    def __init__(
        self, study: Study, location: StorageLocation, config: TuningConfig, space: SearchSpace
    ) -> None:
        """Wrap an open study."""
        self.study, self.location, self._config, self._space = study, location, config, space
        self._storage: Any = study._storage

    def claim(self) -> Trial | None:
        """Take the next trial of the queue, or a new one; None if none is left.

        Raises:
            StorageError: the storage cannot be used.
        """
        with storage_lock(self.location, self._storage):
            self._recover()
            self._fail_misfits()
            trials = self.trials()
            queued = any(trial.state.name == "WAITING" for trial in trials)
            if not queued and len(counted(trials)) >= self._config.trials:
                return None
            self.study.sampler = make_sampler(self._config.sampler, len(trials))
            trial = self.study.ask(self._space.distributions())
            trial.set_user_attr(WORKER, this_process())
            self.record_heartbeat(trial)
            return trial

    def record_heartbeat(self, trial: Trial) -> None:
        """Record that the worker of a trial is alive."""
        self._storage.record_heartbeat(trial._trial_id)

    def recover(self) -> None:
        """Fail the trials whose worker has died, and queue them again."""
        with storage_lock(self.location, self._storage):
            self._recover()

    def _recover(self) -> None:
        optuna.storages.fail_stale_trials(self.study)
        for trial in self.trials():
            worker = trial.user_attrs.get(WORKER)
            # the lock is held: a trial without a worker was taken by a process that died
            if trial.state == TrialState.RUNNING and (worker is None or has_died(worker)):
                self.study.tell(trial.number, state=TrialState.FAIL)
        trials = self.trials()
        replaced = _replaced(trials)
        for trial in trials:
            if was_killed(trial) and trial.number not in replaced:
                self._requeue(trial)

    def _requeue(self, trial: FrozenTrial) -> None:
        attempts = 1 + len([t for t in self.trials() if origin(t) == origin(trial)])
        if attempts > 1 + self._config.retries:
            return
        logger.warning("trial %d: its worker was killed; queued again", trial.number)
        kept = {key: value for key, value in trial.user_attrs.items() if key == NAME}
        self.study.add_trial(
            optuna.create_trial(
                state=optuna.trial.TrialState.WAITING,
                params=trial.params,
                distributions=trial.distributions,
                user_attrs={**kept, ORIGIN: origin(trial), RETRY_OF: trial.number},
                system_attrs={k: v for k, v in trial.system_attrs.items() if k == "fixed_params"},
            )
        )

    def _fail_misfits(self) -> None:
        """Fail the points that a user queued and that the search space does not have.

        Optuna would raise for a choice that there is not, in every worker, train with a number out
        of range, and ignore a name that no dimension has.
        """
        for trial in self.trials():
            point = trial.system_attrs.get("fixed_params", {})
            if trial.state == TrialState.WAITING and (reason := self._space.misfit(point)):
                self._storage.set_trial_user_attr(trial._trial_id, ERROR, reason)
                self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)

    def put_back(self, trial: Trial) -> None:
        """Queue a trial again whose worker was asked to stop."""
        with storage_access(self.location):
            try:
                self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
            except UpdateFinishedTrialError:  # given up by others, who have queued it
                logger.warning("trial %d was meanwhile marked as failed", trial.number)

    def complete(self, trial: Trial, values: Sequence[float]) -> None:
        """Record a trial's objectives."""
        self._finish(trial, TrialState.COMPLETE, list(values))

    def prune(self, trial: Trial) -> None:
        """Record that a trial was stopped early."""
        self._finish(trial, TrialState.PRUNED)

    def fail(self, trial: Trial, reason: str) -> None:
        """Record that a trial failed by itself, and why; it is not tried again."""
        self.note(trial, ERROR, reason)
        self._finish(trial, TrialState.FAIL)

    def _finish(self, trial: Trial, state: TrialState, values: list[float] | None = None) -> None:
        with storage_access(self.location):
            self.study.tell(trial, values, state, skip_if_finished=True)

    def note(self, trial: Trial, name: str, value: Any) -> None:  # noqa: ANN401 - JSON-able
        """Store an attribute of a trial."""
        with storage_access(self.location):
            try:
                trial.set_user_attr(name, value)
            except UpdateFinishedTrialError:
                logger.warning("trial %d was meanwhile marked as failed", trial.number)

    def keep(self, trial: Trial, file: Path, folder: Path) -> None:
        """Copy a file into a folder of Optuna's artifacts, as one of a trial."""
        folder.mkdir(parents=True, exist_ok=True)
        with storage_access(self.location):
            try:
                upload_artifact(
                    artifact_store=FileSystemArtifactStore(folder),
                    file_path=str(file),
                    study_or_trial=trial,
                )
            except UpdateFinishedTrialError:
                logger.warning("trial %d was meanwhile marked as failed", trial.number)

    def trials(self) -> list[FrozenTrial]:
        """All trials in their present state."""
        with storage_access(self.location):
            found: list[FrozenTrial] = self.study.get_trials(deepcopy=False)
            return found

    def best(self) -> list[FrozenTrial]:
        """The best complete trial; of several objectives, the Pareto front."""
        with storage_access(self.location):
            best: list[FrozenTrial] = self.study.best_trials
        return best if len(self.study.directions) > 1 else best[:1]

    def running(self) -> int:
        """Number of trials that run."""
        return sum(trial.state.name == "RUNNING" for trial in self.trials())

    def waiting(self) -> int:
        """Number of points in the queue that no worker has taken."""
        return sum(trial.state == TrialState.WAITING for trial in self.trials())

    def left(self) -> int:
        """Number of trials that are not finished or not started."""
        return max(0, self._config.trials - len(finished(self.trials())))


def _replaced(trials: Sequence[FrozenTrial]) -> set[int]:
    return {t.user_attrs[RETRY_OF] for t in trials if RETRY_OF in t.user_attrs}


def counted(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Trials that count towards the total: those that no other one replaces."""
    replaced = _replaced(trials)
    return [trial for trial in trials if trial.number not in replaced]


def finished(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Finished trials that count, in the order in which they ended."""
    done = [trial for trial in counted(trials) if trial.state.is_finished()]
    return sorted(done, key=lambda t: (t.datetime_complete is not None, t.datetime_complete))


def was_killed(trial: FrozenTrial) -> bool:
    """Whether a failed trial's worker died before it could say why."""
    return trial.state.name == "FAIL" and ERROR not in trial.user_attrs


def failure_reason(trial: FrozenTrial) -> str:
    """Why a trial failed."""
    return str(trial.user_attrs.get(ERROR, "its worker was killed"))


def origin(trial: FrozenTrial) -> int:
    """Number of the trial that this one is another attempt at; its own for a first one."""
    return int(trial.user_attrs.get(ORIGIN, trial.number))
