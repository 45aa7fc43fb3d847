"""Progress of a study: a bar with the best trial so far, a log line for each finished trial."""

import logging
import math
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Self

from optuna.trial import FrozenTrial
from tqdm import tqdm

from sagan.common.terminal import log_above_bars
from sagan.tuning.objectives import minimised
from sagan.tuning.workers.trial_queue import TrialQueue, failure_reason, finished
from sagan.tuning.workers.worker import STOPPED

logger = logging.getLogger(__name__)

_REASON_CHARACTERS = 200


class StudyProgress:
    """Shows the number of finished trials, the best one, and the time left."""

    def __init__(self, queue: TrialQueue, objectives: Sequence[str], total: int) -> None:
        """Start from the trials that are finished already."""
        self._queue, self._objectives, self._total = queue, list(objectives), total
        self._shown = {trial.number for trial in finished(queue.trials())}
        self._at_start, self._start_seconds = len(self._shown), time.monotonic()
        self._live, self._redirection = sys.stderr.isatty(), ExitStack()
        self._bar = tqdm(
            total=total,
            initial=min(total, len(self._shown)),
            dynamic_ncols=True,
            disable=not self._live,
            bar_format="tuning {n_fmt}/{total_fmt}|{bar}| {desc}",
        )

    def __enter__(self) -> Self:
        self._redirection.enter_context(log_above_bars())
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self._redirection.close()

    def show(self) -> None:
        """Show what has changed since the last call."""
        done = finished(self._queue.trials())
        best = self._queue.best()
        records = _records(done, self._objectives[0])
        for trial in done:
            if trial.number not in self._shown:
                self._shown.add(trial.number)
                self._log_trial(trial, is_record=trial.number in records)
        if self._live:
            self._bar.set_description_str(self._summary(len(done), best), refresh=False)
            self._bar.update(min(len(done), self._total) - self._bar.n)
            self._bar.refresh()

    def _summary(self, done: int, best: Sequence[FrozenTrial]) -> str:
        if not best:
            return f"{self._queue.running()} running, {self._left(done)}"
        if len(self._objectives) > 1:
            return f"{len(best)} on the Pareto front, {self._left(done)}"
        return f"best {self._values(best[0])} (trial {best[0].number}), {self._left(done)}"

    def _left(self, done: int) -> str:
        """The time left, if the trials to come take as long as those since the start."""
        since = done - self._at_start
        if not since:
            return "? left"
        seconds = (time.monotonic() - self._start_seconds) / since * max(0, self._total - done)
        return f"{tqdm.format_interval(seconds)} left"

    def _log_trial(self, trial: FrozenTrial, *, is_record: bool) -> None:
        number, state = trial.number, trial.state.name
        if state == "COMPLETE":
            star = ", the best so far" if is_record and len(self._objectives) == 1 else ""
            logger.info("trial %d: %s in %s%s", number, self._values(trial), _duration(trial), star)
        elif state == "PRUNED":
            images = trial.user_attrs.get(STOPPED, 0)
            logger.info(
                "trial %d: pruned at %s images after %s", number, f"{images:,}", _duration(trial)
            )
        else:
            logger.warning("trial %d failed: %s", number, truncated(failure_reason(trial)))

    def _values(self, trial: FrozenTrial) -> str:
        pairs = zip(self._objectives, trial.values, strict=True)
        return ", ".join(f"{name} {value:.4g}" for name, value in pairs)


def _records(done: Sequence[FrozenTrial], objective: str) -> set[int]:
    """Numbers of the trials that were the best so far when they ended."""
    sign = 1 if minimised(objective) else -1
    records, least = set(), math.inf
    for trial in done:
        if trial.state.name == "COMPLETE" and sign * trial.values[0] < least:
            least = sign * trial.values[0]
            records.add(trial.number)
    return records


def truncated(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= _REASON_CHARACTERS else f"{text[:_REASON_CHARACTERS]} ..."


def _duration(trial: FrozenTrial) -> str:
    return tqdm.format_interval(trial.duration.total_seconds()) if trial.duration else "?"
