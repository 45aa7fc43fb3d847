"""Pool of worker processes of this machine, which work on the trials of one study."""

from typing import Self

from sagan.common.schema import ClearError
from sagan.processes.child import Task
from sagan.processes.signals import EXIT_GPU_LOST
from sagan.processes.supervisor import Supervisor
from sagan.tuning.workers.context import StudySpec
from sagan.tuning.workers.process_names import machine
from sagan.tuning.workers.worker import run_worker

_REPLACEMENTS = 10  # of killed workers, over all


class WorkerError(ClearError, RuntimeError):
    """A worker could not go on, for a reason that is not a trial's."""


class WorkerPool(Supervisor):
    """Worker processes; a killed one is replaced, and its trial goes back into the queue."""

    def __init__(self, spec: StudySpec, count: int, deadline: float | None) -> None:
        """Prepare; entering the block starts the workers.

        Args:
            spec: the study.
            count: workers.
            deadline: no trial is started later, in `time.time()`'s seconds; None: no limit.
        """
        super().__init__(replacements=_REPLACEMENTS)
        self._spec, self._count, self._deadline = spec, count, deadline

    def __enter__(self) -> Self:
        for number in range(self._count):
            log_file = self._spec.logs / f"{machine()}-{number}.log"
            arguments = (self._spec, self._deadline)
            devices = self._spec.training.device, self._spec.config.evaluation.device
            self.start(Task(f"worker {number}", run_worker, arguments, log_file, devices=devices))
        return self

    def working(self) -> bool:
        """Wait a moment for a worker to end; whether any still runs.

        Raises:
            WorkerError: one ended for a reason that the others share.
        """
        for ended in self.wait():
            if ended.killed_by:
                raise WorkerError(
                    f"{_REPLACEMENTS + 1} workers were killed (the last by signal "
                    f"{ended.killed_by}), perhaps because memory was too small; set a smaller "
                    "tuning.workers"
                )
            if ended.status == EXIT_GPU_LOST:
                raise WorkerError(f"workers lost their GPU again and again; see {self._spec.logs}")
            if ended.status:
                raise WorkerError(
                    ended.error
                    or f"a worker ended with status {ended.status}; see {self._spec.logs}"
                )
        return len(self) > 0
