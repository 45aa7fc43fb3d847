"""Several processes, on one machine or many: torch's own engine, torchelastic, starts them.

`launch` blocks until all of them are done. It starts them again, from the last checkpoint, when
one dies; it stops them all, each saving first, when it is asked to stop.
"""

import json
import logging
import os
import signal
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sagan.data.shards import ShardStore
from sagan.devices import choose_device
from sagan.files import replacing_file
from sagan.schema import ClearError
from sagan.training.config import TrainingConfig
from sagan.training.signals import EXIT_INTERRUPTED, TrainingInterrupted, stop_requests
from sagan.training.steps import NonFiniteError

logger = logging.getLogger(__name__)

_SIGNALS = "SIGTERM,SIGINT,SIGUSR1"
_INTERRUPTED = "interrupted"  # file that says: this launch was asked to stop, and has saved


class TrainingFailed(ClearError, RuntimeError):  # noqa: N818 - says what happened
    """A process of a distributed training failed, for good."""


class FinishedElsewhere(SystemExit):
    """This machine has done its part; the one with process 0 keeps what was made."""

    def __init__(self) -> None:
        super().__init__(0)


Worker = Callable[[TrainingConfig, Path, Path, Path, int], Any]


def launch(
    config: TrainingConfig,
    shards: ShardStore,
    workspace: Path,
    run: Path,
    *,
    worker: Worker | None = None,
) -> None:
    """Train with `config.devices` processes here, together with those of the other machines.

    Args:
        config: the run; `devices`, `nnodes`, `rdzv_endpoint`, `rdzv_id`, `restarts` count here.
        shards: the images, at the same path on every machine.
        workspace: folder of all runs, the same shared folder on every machine.
        run: this run's folder in it.
        worker: what each process runs; `work` if left out.

    Raises:
        TrainingInterrupted: asked to stop, after saving; status 75.
        NonFiniteError: the losses diverged.
        TrainingFailed: a process failed more often than `config.restarts`; with its reason.
        FinishedElsewhere: all went well, and process 0 ran on another machine.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import elastic_launch

    run.mkdir(parents=True, exist_ok=True)
    notes = _Notes(run / "processes")
    notes.clear()
    arguments = (config, shards.path, workspace, notes.folder, _log_level())
    logger.info("starting %d processes on this machine", config.devices)
    try:
        with _elastic_settings(), _stopped_by_signals():
            outcomes = elastic_launch(_launch_config(config), worker or work)(*arguments)
    except SignalException as signalled:
        saved = "saved, and ended" if notes.interrupted else "ended; the last checkpoint stands"
        logger.warning("%s: the processes have %s", signalled.sigval.name, saved)
        raise TrainingInterrupted from None
    except ChildFailedError as error:
        if notes.interrupted:
            raise TrainingInterrupted from None
        raise TrainingFailed(_exit_reason(error, notes)) from None
    if _INTERRUPTED in outcomes.values():
        raise TrainingInterrupted
    failures = [outcome for outcome in outcomes.values() if isinstance(outcome, dict)]
    if failures:
        raise NonFiniteError(**failures[0])
    if 0 not in outcomes:
        logger.info("done; the machine with process 0 keeps what was made")
        raise FinishedElsewhere


def work(
    config: TrainingConfig, shards: Path, workspace: Path, notes_folder: Path, log_level: int
) -> Any:  # noqa: ANN401 - sent back to the launcher
    """One process of a distributed training, as torchelastic calls it.

    Returns:
        None; 'interrupted' where this launch was asked to stop before; or what a `NonFiniteError`
        was made of. Anything else that goes wrong is raised, and torchelastic starts all again.
    """
    from sagan.training.run import train_here
    from sagan.training.world import joined_world

    rank, notes = int(os.environ["RANK"]), _Notes(notes_folder)
    _log(rank, log_level)
    if notes.interrupted:  # one process alone was signalled, which torchelastic takes for a failure
        return _INTERRUPTED
    device = choose_device(config.device, threads=config.threads)
    try:
        with (
            stop_requests(patient=True) as stop,
            joined_world(device.type, timeout_seconds=config.collective_timeout_seconds) as world,
        ):
            train_here(config, ShardStore.open(shards), workspace, world, stop)
    except TrainingInterrupted:
        notes.note_interruption()
        os._exit(EXIT_INTERRUPTED)  # the launcher may be waiting for this very exit
    except NonFiniteError as error:
        return {"network": error.network, "facts": error.facts, "where": error.where}
    except Exception as error:
        notes.note_failure(rank, error)
        raise
    return None


class _Notes:
    """What the processes of a launch leave for their launcher, in files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def clear(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            path.unlink(missing_ok=True)

    @property
    def interrupted(self) -> bool:
        return (self.folder / _INTERRUPTED).exists()

    def note_interruption(self) -> None:
        (self.folder / _INTERRUPTED).touch()

    def note_failure(self, rank: int, error: Exception) -> None:
        note = {
            "time": time.time(),
            "rank": rank,
            "reason": f"{type(error).__name__}: {error}",
            "traceback": traceback.format_exc(),
        }
        with replacing_file(self.folder / f"failure-{rank}.json") as temporary:
            temporary.write_text(json.dumps(note), encoding="utf-8")

    def reason(self) -> str | None:
        """What the process that failed first said; those that lost their partner come later."""
        notes = [
            json.loads(path.read_text(encoding="utf-8"))
            for path in self.folder.glob("failure-*.json")
        ]
        if not notes:
            return None
        first = min(notes, key=lambda note: float(note["time"]))
        return f"process {first['rank']} failed: {first['reason']}"


def _exit_reason(error: Any, notes: _Notes) -> str:  # noqa: ANN401 - torchelastic's error
    """Why a launch failed: a process killed from outside, else what the first one raised."""
    rank, failure = error.get_first_failure()
    if failure.exitcode < 0:
        return (
            f"process {rank} ended with signal {-failure.exitcode} (killed for memory, perhaps); "
            "checkpoints are intact"
        )
    return notes.reason() or f"process {rank} ended with status {failure.exitcode}"


def _launch_config(config: TrainingConfig) -> Any:  # noqa: ANN401 - torchelastic's LaunchConfig
    from torch.distributed.launcher.api import LaunchConfig

    alone = config.nnodes == 1
    host = "127.0.0.1" if alone else str(config.rdzv_endpoint).rpartition(":")[0]
    loopback = host in {"127.0.0.1", "localhost", "[::1]"}
    return LaunchConfig(
        min_nodes=config.nnodes,
        max_nodes=config.nnodes,
        nproc_per_node=config.devices,
        run_id=uuid.uuid4().hex if alone else config.rdzv_id,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0" if alone else str(config.rdzv_endpoint),
        local_addr="127.0.0.1" if loopback else None,  # else the machine's own name
        max_restarts=config.restarts,
        monitor_interval=0.5,
        start_method="spawn",
        signals_to_handle=_SIGNALS,
    )


def _log_level() -> int:
    return logging.getLogger("sagan").getEffectiveLevel()


def _log(rank: int, level: int) -> None:
    """The lead speaks as a single process would; the others only when something is wrong."""
    prefix = "" if rank == 0 else f"process {rank}: "
    logging.basicConfig(
        level=level if rank == 0 else logging.WARNING,
        format=f"%(levelname)-8s {prefix}%(message)s",
        force=True,
    )


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Until torchelastic takes the signals over there is nothing to save; put all back after."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TrainingInterrupted

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _SIGNALS.split(",")]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _elastic_settings() -> Iterator[None]:
    """What torchelastic takes from the process around it."""
    # a store of its own for each start of the processes: in one store they would find the
    # addresses of those that died
    name = "TORCH_DISABLE_SHARE_RDZV_TCP_STORE"
    before = os.environ.get(name)
    os.environ[name] = "1"
    # its own log repeats what is told here, in tracebacks
    loggers = [logging.getLogger(f"torch.{part}") for part in ("distributed", "multiprocessing")]
    levels = [noisy.level for noisy in loggers]
    for noisy in loggers:
        noisy.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for noisy, level in zip(loggers, levels, strict=True):
            noisy.setLevel(level)
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
