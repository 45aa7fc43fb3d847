"""Several runs of a comparison at once, each a process of its own.

A process has its own memory and signals: one that is killed takes no other with it, and each saves
a checkpoint when all are asked to stop.
"""

import io
import logging
import logging.handlers
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from sagan.comparison.result_store import Row
from sagan.comparison.run_one import Conditions, attempt_entry
from sagan.comparison.variants import Entry
from sagan.processes.signals import (
    EXIT_INTERRUPTED,
    SIGNALS,
    TrainingInterrupted,
    ignore_signal,
    raise_on_signal,
    signal_handler,
    signals_blocked,
    stop_requests,
)

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5  # between looks for a signal
_LOG_SECONDS = 5  # for the last lines of a process that has ended

Running = dict[BaseProcess, tuple[Entry, int, threading.Thread]]


def measure_in_processes(
    open_entries: list[Entry], common: Conditions, workers: int, on_look: Callable[[], object]
) -> Iterator[tuple[Entry, Row | str]]:
    """Each entry with its row, or why there is none, as they come to an end.

    Args:
        open_entries: the runs to make.
        common: what they have in common.
        workers: processes at once.
        on_look: called about twice a second meanwhile.

    Raises:
        TrainingInterrupted: asked to stop; all processes have saved then.
    """
    waiting, slots = deque(open_entries), list(range(workers))
    running: Running = {}
    with stop_requests(patient=True) as stop:
        try:
            while (waiting or running) and not stop:
                while waiting and slots:
                    entry, slot = waiting.popleft(), slots.pop(0)
                    process, log = _start(entry, slot, common)
                    running[process] = entry, slot, log
                on_look()
                for process in _ended(running):
                    entry, slot, _ = running.pop(process)
                    slots.append(slot)
                    if process.exitcode == EXIT_INTERRUPTED:  # signalled alone, or with this one
                        stop.signal_name = stop.signal_name or "a signal"
                        continue
                    yield entry, _outcome(process, entry, common)
        finally:
            _stop_all(running)
    if stop:
        logger.warning("%s: saved; the same command continues", stop.signal_name)
        raise TrainingInterrupted


def _start(entry: Entry, slot: int, common: Conditions) -> tuple[BaseProcess, threading.Thread]:
    records, sent = multiprocessing.Pipe(duplex=False)
    # daemonic: none outlives an ordinary end of this process
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(entry, slot, common, sent), daemon=True, name=entry.name
    )
    with signals_blocked():
        process.start()
    sent.close()  # the process has its own; when it ends, so do the records
    log = threading.Thread(target=_log, args=(records, entry.name), daemon=True)
    log.start()
    return process, log


def _log(records: Connection, name: str) -> None:
    """What a run logs, in the log of the comparison, until its process has ended."""
    with records:
        while True:
            try:
                record = records.recv()
            except (EOFError, OSError):
                return
            record.msg = f"{name}: {record.msg}"
            logging.getLogger(record.name).handle(record)


def _ended(running: Running) -> list[BaseProcess]:
    """Those that have come to an end, after a short wait."""
    wait([process.sentinel for process in running], timeout=_LOOK_SECONDS)
    ended = [process for process in running if not process.is_alive()]
    _join(running, ended)
    return ended


def _join(running: Running, ended: Iterable[BaseProcess]) -> None:
    for process in ended:
        process.join()
        _, _, log = running[process]
        log.join(timeout=_LOG_SECONDS)


def _outcome(process: BaseProcess, entry: Entry, common: Conditions) -> Row | str:
    row = common.rows.load(entry)
    if row is not None:
        return row
    message = _message_file(entry, common)
    if message.is_file():
        text = message.read_text(encoding="utf-8")
        message.unlink()
        return text
    code = process.exitcode or 0
    if code < 0:
        return f"its process ended with signal {-code} (out of memory, perhaps)"
    return f"its process ended with status {code}"


def _stop_all(running: Running) -> None:
    """Ask those still running to save and end, and wait for them."""
    for process in running:
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGTERM)
    _join(running, running)


def _work(entry: Entry, slot: int, common: Conditions, sent: Connection) -> None:
    """One process: one run."""
    for number in SIGNALS:  # before it listens they wait, and when it ends they are of no use
        signal.signal(number, ignore_signal)
    sys.stderr = _WithoutBars(sys.stderr.buffer, line_buffering=True)
    _log_through(sent)
    logging.getLogger("sagan").setLevel(logging.WARNING)  # several tell their steps at once
    logging.getLogger("sagan.common.devices").setLevel(logging.ERROR)  # the parent has said it
    _take_one_gpu(slot)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with raise_on_signal():
        with signal_handler(
            lambda *_: os._exit(EXIT_INTERRUPTED)
        ):  # imports would lose an exception
            import sagan.metrics.evaluate_generator
            import sagan.training.run  # noqa: F401
        outcome = attempt_entry(entry, common)
    if isinstance(outcome, str):
        _message_file(entry, common).write_text(outcome, encoding="utf-8")
        sys.exit(1)


def _log_through(sent: Connection) -> None:
    """Let the comparison log what this process would; Kedro gave it the same files and terminal."""
    named = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    for speaker in (logging.root, *named):
        speaker.handlers.clear()
        speaker.propagate = True
    logging.root.addHandler(_Sender(sent))


class _Sender(logging.handlers.QueueHandler):
    """Sends records to the comparison, which knows the log's files and the terminal."""

    def __init__(self, sent: Connection) -> None:
        super().__init__(queue=None)  # type: ignore[arg-type]
        self._sent = sent

    def enqueue(self, record: logging.LogRecord) -> None:
        self._sent.send(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """The comparison was killed: nobody listens."""


class _WithoutBars(io.TextIOWrapper):
    """Standard error that is no terminal: several processes would draw bars over one another."""

    def isatty(self) -> bool:
        return False


def _take_one_gpu(slot: int) -> None:
    """Of the GPUs that may be used, see one alone; before CUDA is touched in this process."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = named.split(",") if named else [str(i) for i in range(torch.cuda.device_count())]
    if found:
        os.environ["CUDA_VISIBLE_DEVICES"] = found[slot % len(found)]


def _end_with_parent() -> None:
    """When the comparison itself is killed, its runs save and end too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _message_file(entry: Entry, common: Conditions) -> Path:
    runs = common.runs_dir
    runs.mkdir(parents=True, exist_ok=True)
    return runs / f"{common.rows.path(entry).stem}.failed.txt"
