"""Several processes, on one machine or many: torch's own engine, torchelastic, starts them.

`launch` blocks until all of them are done. It starts them again, from the last checkpoint, when
one dies; it stops them all, each saving first, when it is asked to stop.
"""

import logging
import os
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import torch

from sagan.common.devices import choose_device
from sagan.common.schema import ClearError
from sagan.data.shards.store import ShardStore
from sagan.processes.signals import (
    EXIT_INTERRUPTED,
    SIGNALS,
    TrainingInterrupted,
    signal_handler,
    signals_blocked,
    stop_requests,
)
from sagan.training.config import TrainingConfig
from sagan.training.launch.error_files import Notes

logger = logging.getLogger(__name__)

_ENVIRONMENT = {
    # a store of its own for each start of the processes: in one store they would find the
    # addresses of those that died
    "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    "TORCH_CPP_LOG_LEVEL": "FATAL",  # a partner lost is told in one line, not in stack frames
}


class TrainingFailed(ClearError, RuntimeError):  # noqa: N818 - says what happened
    """A process of a distributed training failed, for good."""


class FinishedElsewhere(SystemExit):
    """This machine has done its part; the one with process 0 keeps what was made."""

    def __init__(self) -> None:
        super().__init__(0)


Worker = Callable[[TrainingConfig, Path, dict[str, Path], Path, int], None]


def launch(
    config: TrainingConfig,
    shards: ShardStore,
    runs_dir: Path,
    feature_cache: Path,
    run: Path,
    *,
    worker: Worker | None = None,
) -> None:
    """Train with `config.devices` processes here, together with those of the other machines.

    Args:
        config: the run; `devices`, `nnodes`, `rdzv_endpoint`, `rdzv_id`, `restarts` count here.
        shards: the images, at the same path on every machine.
        runs_dir: folder of all runs, the same shared one on every machine.
        feature_cache: folder of cached features, shared as well.
        run: this run's folder in it.
        worker: what each process runs; `work` if left out.

    Raises:
        TrainingInterrupted: asked to stop, after saving; status 75.
        NonFiniteError: the losses diverged.
        TrainingFailed: a process failed more often than `config.restarts`, with its reason; or
            the machines did not meet.
        FinishedElsewhere: all went well, and process 0 ran on another machine.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError
    from torch.distributed.launcher.api import elastic_launch

    _check_devices(config)
    run.mkdir(parents=True, exist_ok=True)
    notes = Notes(run / "processes")
    notes.clear()
    folders = {"runs_dir": runs_dir, "feature_cache": feature_cache}
    arguments = (config, shards.path, folders, notes.folder, _log_level())
    logger.info("starting processes on this machine: %d", config.devices)
    if config.nnodes > 1:
        logger.info(
            "rendezvous at %s: waiting for %d machines", config.rdzv_endpoint, config.nnodes
        )
    try:
        # until torchelastic takes the signals over there is nothing to save
        with _elastic_settings(), _scratch() as scratch, signal_handler(_stop), signals_blocked():
            start = elastic_launch(_launch_config(config, scratch), worker or work)
            outcomes = start(*arguments)
    except SignalException as signalled:
        stands = "" if notes.interrupted else "; the last checkpoint is intact"
        logger.warning("%s: the processes have ended%s", signalled.sigval.name, stands)
        raise TrainingInterrupted from None
    except ChildFailedError as error:
        _raise_noted(notes)
        raise TrainingFailed(_exit_reason(error, notes)) from None
    except RendezvousError as error:
        raise TrainingFailed(_why_apart(error, config)) from error
    _raise_noted(notes)
    if 0 not in outcomes:
        logger.info("done; the machine with process 0 has the outputs")
        raise FinishedElsewhere


def _check_devices(config: TrainingConfig) -> None:
    """Refuse at the door what every process would stumble over."""
    device = choose_device(config.device)
    there = torch.cuda.device_count() if device.type == "cuda" else config.devices
    if config.devices > there:
        raise ValueError(
            f"training.devices: got {config.devices}, and this machine has {there} GPUs; "
            f"set training.devices={there}, or training.device=cpu"
        )


def work(
    config: TrainingConfig,
    shards: Path,
    folders: dict[str, Path],
    notes_folder: Path,
    log_level: int,
) -> None:
    """One process of a distributed training, as torchelastic calls it.

    It returns where all is done, and where to start again would be of no use: the launcher finds
    why in the notes. Anything else that goes wrong is raised, and torchelastic starts all again.
    """
    rank, notes = int(os.environ["RANK"]), Notes(notes_folder)
    _log(rank, log_level)
    if notes.over:  # one process alone was signalled, or failed: torchelastic starts all again
        return
    try:
        _train(config, shards, folders, notes, rank)
    except TrainingInterrupted:
        notes.note_interruption()
        os._exit(EXIT_INTERRUPTED)  # the launcher may be waiting for this very exit
    except Exception:
        if not notes.over:
            raise


def _train(
    config: TrainingConfig, shards: Path, folders: dict[str, Path], notes: Notes, rank: int
) -> None:
    from sagan.training.core.distributed import distributed_context
    from sagan.training.run import run_training

    timeout = config.collective_timeout_seconds
    with stop_requests(patient=True) as stop:
        try:
            device = choose_device(config.device, threads=config.threads)
            with distributed_context(device.type, timeout_seconds=timeout) as context:
                try:
                    store = ShardStore.open(shards)
                    run_training(config, store, context, stop, **folders, on_score=None)
                except Exception as error:
                    notes.note_failure(rank, error)  # before the others lose this process
                    raise
        except Exception as error:
            if not notes.over:
                notes.note_failure(rank, error)
            raise


def _stop(number: int, _frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    logger.warning("%s: stopped before training began; the same command starts it", name)
    raise TrainingInterrupted


def _raise_noted(notes: Notes) -> None:
    """What the processes have ended with, if they said so."""
    if notes.interrupted:
        raise TrainingInterrupted
    failure = notes.lasting_failure()
    if isinstance(failure, str):
        raise TrainingFailed(failure)
    if failure is not None:
        raise failure


def _exit_reason(error: Any, notes: Notes) -> str:  # noqa: ANN401 - torchelastic's error
    """Why a launch failed: a process killed from outside, else what the first one raised."""
    rank, failure = error.get_first_failure()
    if failure.exitcode < 0:
        return (
            f"process {rank} ended with signal {-failure.exitcode} (out of memory, perhaps); "
            "checkpoints are intact"
        )
    return notes.reason() or f"process {rank} ended with status {failure.exitcode}"


def _why_apart(error: Exception, config: TrainingConfig) -> str:
    """Why the machines did not meet, and what to look at."""
    cause = str(error.__cause__ or error).strip().partition("\n")[0] or type(error).__name__
    if config.nnodes == 1:
        return f"the processes on this machine did not connect: {cause}"
    return (
        f"the {config.nnodes} machines did not meet at training.rdzv_endpoint "
        f"{config.rdzv_endpoint} ({cause}); expected host:port of one of them, reachable from all, "
        f"and the same command with the same training.rdzv_id on each; checkpoints are intact"
    )


@contextmanager
def _scratch() -> Iterator[str]:
    """Where torchelastic and torch.multiprocessing keep files; they do not remove all of them."""
    before = tempfile.tempdir
    with TemporaryDirectory(prefix="sagan-processes-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield folder
        finally:
            tempfile.tempdir = before


def _launch_config(config: TrainingConfig, scratch: str) -> Any:  # noqa: ANN401 - LaunchConfig
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs
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
        logs_specs=DefaultLogsSpecs(log_dir=scratch),
        signals_to_handle=",".join(number.name for number in SIGNALS),
    )


def _log_level() -> int:
    return logging.getLogger("sagan").getEffectiveLevel()


def _log(rank: int, level: int) -> None:
    """The lead speaks as a single process would; the others leave notes when they fail."""
    logging.basicConfig(level=level, format="%(levelname)s %(message)s")
    logging.getLogger("sagan").setLevel(level if rank == 0 else logging.CRITICAL)
    logging.getLogger("sagan.common.devices").setLevel(logging.ERROR)  # the launcher has said it


@contextmanager
def _elastic_settings() -> Iterator[None]:
    """What torchelastic and its processes take from the process around them."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it would unblock signals if it were started later
    # its own log repeats what is told here, in tracebacks; its loggers have levels of their own
    noisy = [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.startswith(("torch.distributed", "torch.multiprocessing"))
    ]
    levels = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.CRITICAL)
    before = {name: os.environ.get(name) for name in _ENVIRONMENT}
    os.environ.update({name: before[name] or value for name, value in _ENVIRONMENT.items()})
    try:
        yield
    finally:
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
