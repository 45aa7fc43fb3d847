"""Runs of a comparison in several processes at once."""

import logging
from collections import deque
from collections.abc import Callable, Iterator

from sagan.comparison.result_store import RunResult
from sagan.comparison.run_one import ComparisonContext, measure_run
from sagan.comparison.variants import RunSpec
from sagan.data.parallel import resolve_workers
from sagan.processes.child import Task
from sagan.processes.signals import EXIT_INTERRUPTED, TrainingInterrupted, stop_requests
from sagan.processes.supervisor import Supervisor

logger = logging.getLogger(__name__)


def measure_in_processes(
    open_runs: list[RunSpec],
    context: ComparisonContext,
    workers: int,
    on_poll: Callable[[], object],
) -> Iterator[tuple[RunSpec, RunResult | str]]:
    """Each run with its result, or why there is none, in the order in which they end.

    Args:
        open_runs: the runs to make.
        context: what they have in common.
        workers: processes at once.
        on_poll: called about twice a second meanwhile.

    Raises:
        TrainingInterrupted: asked to stop; all processes have saved then.
    """
    threads = max(1, resolve_workers(0) // workers)
    waiting, running = deque(open_runs), dict[str, RunSpec]()
    with stop_requests(patient=True) as stop, Supervisor() as children:
        while (waiting or running) and not stop:
            while waiting and len(children) < workers:
                run = waiting.popleft()
                running[run.name] = run
                devices = run.training.device, context.evaluation.device
                children.start(Task(run.name, _measure, (run, context, threads), devices=devices))
            on_poll()
            for ended in children.wait():
                run = running.pop(ended.name)
                if ended.status == EXIT_INTERRUPTED:  # signalled alone, or together with this one
                    stop.signal_name = stop.signal_name or "a signal"
                else:
                    yield run, context.results.load(run) or str(ended)
    if stop:
        logger.warning("%s: saved; the same command continues", stop.signal_name)
        raise TrainingInterrupted


def _measure(run: RunSpec, context: ComparisonContext, threads: int) -> None:
    """Measure a run, in its own process, on its share of the cores where none is configured."""
    import torch

    logging.getLogger("sagan.common.devices").setLevel(logging.ERROR)  # the parent has reported it
    if not run.training.threads:
        torch.set_num_threads(threads)
    measure_run(run, context)
