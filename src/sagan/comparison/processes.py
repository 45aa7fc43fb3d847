"""Runs of a comparison in several processes at once."""

import logging
from collections import deque
from collections.abc import Callable, Iterator

from sagan.comparison.result_store import Row
from sagan.comparison.run_one import Conditions, measure_entry
from sagan.comparison.variants import Entry
from sagan.processes.child import Task
from sagan.processes.signals import EXIT_INTERRUPTED, TrainingInterrupted, stop_requests
from sagan.processes.supervisor import Supervisor

logger = logging.getLogger(__name__)


def measure_in_processes(
    open_entries: list[Entry], common: Conditions, workers: int, on_poll: Callable[[], object]
) -> Iterator[tuple[Entry, Row | str]]:
    """Each run with its row, or why there is none, as they come to an end.

    Args:
        open_entries: the runs to make.
        common: what they have in common.
        workers: processes at once.
        on_poll: called about twice a second meanwhile.

    Raises:
        TrainingInterrupted: asked to stop; all processes have saved then.
    """
    waiting, running = deque(open_entries), dict[str, Entry]()
    with stop_requests(patient=True) as stop, Supervisor() as children:
        while (waiting or running) and not stop:
            while waiting and len(children) < workers:
                entry = waiting.popleft()
                running[entry.name] = entry
                children.start(_task(entry, common))
            on_poll()
            for ended in children.wait():
                entry = running.pop(ended.name)
                if ended.status == EXIT_INTERRUPTED:  # signalled alone, or together with this one
                    stop.signal_name = stop.signal_name or "a signal"
                else:
                    yield entry, common.rows.load(entry) or str(ended)
    if stop:
        logger.warning("%s: saved; the same command continues", stop.signal_name)
        raise TrainingInterrupted


def _task(entry: Entry, common: Conditions) -> Task:
    training = entry.training
    devices = (training.device, training.scoring.protocol.device, common.evaluation.device)
    one_gpu = not any(":" in device for device in devices)  # else they name it themselves
    return Task(entry.name, _measure, (entry, common), one_gpu=one_gpu)


def _measure(entry: Entry, common: Conditions) -> None:
    """Measure a run, in its own process."""
    logging.getLogger("sagan.common.devices").setLevel(logging.ERROR)  # the parent has told it
    measure_entry(entry, common)
