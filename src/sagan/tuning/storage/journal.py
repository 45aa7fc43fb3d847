"""Optuna's journal file, extended for processes that are killed.

Optuna's own backend appends to a line that a killed process left incomplete, and the file is
unreadable from then on. It has no heartbeat either: a killed process's trial stays running.
"""

import json
import logging
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna
from optuna.storages._heartbeat import BaseHeartbeat
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage
from optuna.trial import FrozenTrial, TrialState

logger = logging.getLogger(__name__)

LOCK_SECONDS = 10  # a lock is held for milliseconds; an older one is a killed process's


class RepairingLock(JournalFileOpenLock):  # type: ignore[misc]
    """Optuna's lock for appending lines; acquiring it removes an incomplete last line."""

    def __init__(self, path: Path) -> None:
        """Lock a journal file, by a file beside it."""
        super().__init__(str(path), grace_period=LOCK_SECONDS)
        self._path = path

    def acquire(self) -> bool:
        """Wait for the lock, then remove an incomplete last line."""
        taken: bool = super().acquire()
        try:
            cut_incomplete_line(self._path)
        except BaseException:
            self.release()
            raise
        return taken


def cut_incomplete_line(path: Path) -> int:
    """Remove what follows the last whole line.

    Returns:
        bytes removed.
    """
    if not path.exists():
        return 0
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        if file.read() in {b"", b"\n"}:
            return 0
        file.seek(0)
        end = file.read().rfind(b"\n") + 1
        file.truncate(end)
    logger.warning("%s: an incomplete last line of %d bytes is removed", path, size - end)
    return size - end


def damaged_line(path: Path) -> int | None:
    """Number of the first line that is no record of Optuna's; None: there is none."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return next((n for n, line in enumerate(file, start=1) if not _is_record(line)), None)


def _is_record(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and "op_code" in record


class JournalWithHeartbeat(JournalStorage, BaseHeartbeat):  # type: ignore[misc]
    """A journal with heartbeats: a file beside it for each running trial.

    Times are those of the file system: one clock for all machines.
    """

    def __init__(self, path: Path, *, interval_seconds: int, grace_seconds: int) -> None:
        """Open or create the journal.

        Args:
            path: of the journal; its folder is created.
            interval_seconds: between heartbeats [s].
            grace_seconds: without a heartbeat, after which a trial is stale [s].
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._heartbeats = path.with_name(f"{path.name}.alive")
        self._interval, self._grace = interval_seconds, grace_seconds
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            backend = JournalFileBackend(str(path), lock_obj=RepairingLock(path))
        super().__init__(backend)

    def record_heartbeat(self, trial_id: int) -> None:
        """Record the heartbeat of a trial."""
        self._heartbeats.mkdir(exist_ok=True)
        (self._heartbeats / str(trial_id)).touch()

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """Set a trial's state; a trial that does not run has no heartbeat."""
        done: bool = super().set_trial_state_values(trial_id, state, values)
        if state != TrialState.RUNNING:
            (self._heartbeats / str(trial_id)).unlink(missing_ok=True)
        return done

    def _get_stale_trial_ids(self, study_id: int) -> list[int]:
        """Running trials whose heartbeat is too old; trials without any are left out."""
        running = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))
        now = self._now()
        ages = {trial._trial_id: now - self._last(trial._trial_id, now) for trial in running}
        return [trial_id for trial_id, age in ages.items() if age > self._grace]

    def _last(self, trial_id: int, now: float) -> float:
        try:
            return (self._heartbeats / str(trial_id)).stat().st_mtime
        except FileNotFoundError:
            return now

    def _now(self) -> float:
        """The time, by the clock of the file system."""
        clock = self._heartbeats / "clock"
        self._heartbeats.mkdir(exist_ok=True)
        clock.touch()
        return clock.stat().st_mtime

    def get_heartbeat_interval(self) -> int:
        """Seconds between heartbeats."""
        return self._interval

    def get_heartbeat_stale_trial_callback(
        self,
    ) -> Callable[[optuna.Study, FrozenTrial], None] | None:
        """None: `TrialQueue` starts such trials again."""
        return None
