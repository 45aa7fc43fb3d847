"""The worker processes of this machine: started, watched, replaced when killed, stopped."""

import logging
import multiprocessing
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType
from typing import Self

from sagan.common.schema import ClearError
from sagan.processes.signals import EXIT_INTERRUPTED, signals_blocked
from sagan.tuning.workers.context import Job
from sagan.tuning.workers.process_names import machine
from sagan.tuning.workers.worker_process import run_worker

logger = logging.getLogger(__name__)

_GRACE_SECONDS = 60.0  # to end a step and save
_REPLACEMENTS = 10  # of killed workers, over all


class WorkerFailed(ClearError, RuntimeError):  # noqa: N818 - says what happened
    """A worker could not go on, for a reason that is not a trial's."""


class Crew:
    """Worker processes; leaving the block stops those that still run."""

    def __init__(self, job: Job, count: int, deadline: float | None) -> None:
        """Prepare; nothing is started yet.

        Args:
            job: the study.
            count: workers.
            deadline: no trial is taken later, in `time.time()`'s seconds; None: no limit.
        """
        self._job, self._count, self._deadline = job, count, deadline
        self._processes: dict[int, tuple[SpawnProcess, Connection]] = {}
        self._replaced = 0

    def __enter__(self) -> Self:
        for number in range(self._count):
            self._start(number)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _start(self, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe(duplex=False)
        log = self._job.folder / "workers" / f"{machine()}-{number}.log"
        process = context.Process(
            target=run_worker,
            args=(self._job, number, self._deadline, log, theirs),
            name=f"tuning-{number}",
        )
        with signals_blocked():
            process.start()
        theirs.close()
        self._processes[number] = (process, ours)

    def working(self) -> bool:
        """Whether any worker runs; killed ones are replaced.

        Raises:
            WorkerFailed: one ended for a reason that the others share.
        """
        for number, (process, end) in list(self._processes.items()):
            if process.is_alive():
                continue
            code = process.exitcode or 0
            said = _said(end)
            del self._processes[number]
            end.close()
            if code < 0 or code == EXIT_INTERRUPTED:  # by others: here nobody has asked it to
                self._replace(number, -code if code < 0 else signal.SIGTERM)
            elif code or said:
                raise WorkerFailed(
                    said or f"a worker ended with status {code}; see {self._log_folder()}"
                )
        return bool(self._processes)

    def _replace(self, number: int, by: int) -> None:
        self._replaced += 1
        if self._replaced > _REPLACEMENTS:
            raise WorkerFailed(
                f"{self._replaced} workers were killed (the last by signal {by}), perhaps "
                "because memory was too small; set a smaller tuning.workers"
            )
        logger.warning("worker %d was killed by signal %d; a new one replaces it", number, by)
        self._start(number)

    def _log_folder(self) -> str:
        return str(self._job.folder / "workers")

    def stop(self) -> None:
        """Ask all to stop, and wait until they have saved."""
        for process, _ in self._processes.values():
            process.terminate()
        latest = time.monotonic() + _GRACE_SECONDS
        for process, end in self._processes.values():
            process.join(max(0.1, latest - time.monotonic()))
            if process.is_alive():
                logger.warning("%s did not end within %.0f s", process.name, _GRACE_SECONDS)
                process.kill()
                process.join()
            end.close()
        self._processes.clear()


def _said(end: Connection) -> str:
    try:
        return str(end.recv()) if end.poll() else ""
    except EOFError:
        return ""
