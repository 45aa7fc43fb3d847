"""What a person sees of a study: a live bar with the best so far, a line for each trial done."""

import logging
import math
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from tqdm import tqdm

from sagan.common.terminal import log_above_bars
from sagan.tuning.objectives import minimised
from sagan.tuning.workers.trial_queue import ERROR, Ledger, finished, was_killed
from sagan.tuning.workers.worker import STOPPED

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

logger = logging.getLogger(__name__)

_REASON_CHARACTERS = 200


class StudyProgress:
    """Shows trials done, the best, and the time left."""

    def __init__(self, ledger: Ledger, objectives: Sequence[str], total: int) -> None:
        """Begin with what the study has already."""
        self._ledger, self._objectives, self._total = ledger, list(objectives), total
        self._shown = {trial.number for trial in finished(ledger.trials())}
        self._at_start, self._start_seconds = len(self._shown), time.monotonic()
        self._live = sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            initial=min(total, len(self._shown)),
            dynamic_ncols=True,
            disable=not self._live,
            bar_format="tuning {n_fmt}/{total_fmt}|{bar}| {desc}",
        )
        self._log = ExitStack()

    def __enter__(self) -> Self:
        self._log.enter_context(log_above_bars())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()
        self._log.close()

    def show(self) -> None:
        """Show what has changed."""
        done = finished(self._ledger.trials())
        best = self._ledger.best()
        records = _records(done, self._objectives[0])
        for trial in done:
            if trial.number not in self._shown:
                self._shown.add(trial.number)
                self._tell(trial, is_record=trial.number in records)
        if self._live:
            self._bar.set_description_str(self._summary(len(done), best), refresh=False)
            self._bar.update(min(len(done), self._total) - self._bar.n)
            self._bar.refresh()

    def _summary(self, done: int, best: "Sequence[FrozenTrial]") -> str:
        if not best:
            return f"{self._ledger.running()} running, {self._left(done)}"
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

    def _tell(self, trial: "FrozenTrial", *, is_record: bool) -> None:
        number, state = trial.number, trial.state.name
        if state == "COMPLETE":
            star = ", the best so far" if is_record and len(self._objectives) == 1 else ""
            logger.info("trial %d: %s in %s%s", number, self._values(trial), _took(trial), star)
        elif state == "PRUNED":
            images = trial.user_attrs.get(STOPPED, 0)
            logger.info(
                "trial %d: pruned at %s images after %s", number, f"{images:,}", _took(trial)
            )
        elif was_killed(trial):
            logger.warning("trial %d: its worker was killed", number)
        else:
            said = str(trial.user_attrs.get(ERROR, "no reason is known"))
            logger.warning("trial %d failed: %s", number, shortened(said))

    def _values(self, trial: "FrozenTrial") -> str:
        pairs = zip(self._objectives, trial.values, strict=True)
        return ", ".join(f"{name} {value:.4g}" for name, value in pairs)


def _records(done: "Sequence[FrozenTrial]", objective: str) -> set[int]:
    """Numbers of the trials that were the best when they ended."""
    sign = 1 if minimised(objective) else -1
    records, least = set(), math.inf
    for trial in done:
        if trial.state.name == "COMPLETE" and sign * trial.values[0] < least:
            least = sign * trial.values[0]
            records.add(trial.number)
    return records


def shortened(text: str) -> str:
    """The beginning of a long text."""
    return text if len(text) <= _REASON_CHARACTERS else f"{text[:_REASON_CHARACTERS]} ..."


def _took(trial: "FrozenTrial") -> str:
    return tqdm.format_interval(trial.duration.total_seconds()) if trial.duration else "?"
