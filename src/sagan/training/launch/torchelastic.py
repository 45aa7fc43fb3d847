"""Launch of training in several processes, on one or more machines, by torchelastic.

`launch` blocks until all processes have finished. If one dies, all are restarted from the last
checkpoint; on a signal all of them save and stop.
"""

import logging
import os
import shutil
import signal
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import torch

from sagan.common.devices import choose_device, require_compilation
from sagan.common.schema import ClearError
from sagan.data.shards.store import ShardStore
from sagan.processes.lock import exclusive_folder
from sagan.processes.signals import (
    TrainingInterrupted,
    describe_signal,
    handled_signals,
    signal_handler,
    signals_blocked,
    start_resource_tracker,
)
from sagan.training.config import TrainingConfig
from sagan.training.launch.error_files import WorkerErrorFiles
from sagan.training.launch.worker import work

logger = logging.getLogger(__name__)

# torchelastic leaves its keep-alive timer running after a signal; freed while the timer's thread
# uses it, it would wait for itself and print a traceback. The error keeps it alive
_signalled: list[BaseException] = []
_SAVING_SECONDS = 110  # after a signal; the schedulers' scripts in docs/training.md reserve 120


class TrainingFailedError(ClearError, RuntimeError):
    """A process of a distributed training failed permanently."""


class FinishedElsewhere(SystemExit):
    """Training has finished; the results are on the machine with process 0."""

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
    """Train with `config.devices` processes on this machine, and those of the other machines.

    Args:
        config: the run; `devices`, `nnodes`, `rdzv_endpoint`, `rdzv_id`, `restarts` are used here.
        shards: the images, at the same path on every machine.
        runs_dir: folder of all runs, the same shared one on every machine.
        feature_cache: folder of cached features, shared as well.
        run: this run's folder in it.
        worker: function of each process; None: `work`.

    Raises:
        TrainingInterrupted: on a signal, after saving; status 75.
        NonFiniteError: the losses diverged.
        TrainingFailedError: a process failed more often than `config.restarts`, with its reason;
            or the machines did not connect.
        FinishedElsewhere: training has finished, with process 0 on another machine.
        FolderInUseError: another launch trains this run.
    """
    device = _check_devices(config)
    errors = WorkerErrorFiles(run / "processes")
    folders = {"runs_dir": runs_dir, "feature_cache": feature_cache}
    log_level = logging.getLogger("sagan").getEffectiveLevel()
    arguments = (config, shards.path, folders, errors.folder, log_level)
    # before the error files of a launch that may still run are touched
    with exclusive_folder(errors.folder, config.rdzv_id if config.nnodes > 1 else "") as first:
        if first:
            errors.clear()
        _launch(config, device, errors, worker or work, arguments)


def _launch(
    config: TrainingConfig,
    device: torch.device,
    errors: WorkerErrorFiles,
    worker: Worker,
    arguments: tuple[Any, ...],
) -> None:
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError
    from torch.distributed.launcher.api import elastic_launch

    logger.info("starting processes on this machine: %d", config.devices)
    if config.nnodes > 1:
        logger.info(
            "rendezvous at %s: waiting for %d machines", config.rdzv_endpoint, config.nnodes
        )
    try:
        # before torchelastic handles signals there is nothing to save
        with (
            _elastic_settings(device),
            _scratch(),
            _rank_logs(errors) as logs,
            signal_handler(_stop),
            signals_blocked(),
        ):
            start = elastic_launch(_launch_config(config, logs), worker)
            outcomes = start(*arguments)
    except SignalException as signalled:
        _signalled.append(signalled)
        suffix = "" if errors.interrupted else "; the last checkpoint is intact"
        logger.warning("%s: the processes have ended%s", signalled.sigval.name, suffix)
        raise TrainingInterrupted from None
    except ChildFailedError as error:
        _raise_recorded(errors)
        raise TrainingFailedError(f"{_failure_reason(error, errors)}; output: {logs}") from None
    except RendezvousError as error:
        raise TrainingFailedError(_rendezvous_reason(error, config)) from error
    _raise_recorded(errors)
    if 0 not in outcomes:
        logger.info("done; the machine with process 0 has the outputs")
        raise FinishedElsewhere


def _check_devices(config: TrainingConfig) -> torch.device:
    """The device, after checks of the number of GPUs and of compilation, before any start."""
    device = choose_device(config.device)
    require_compilation(config.compile, device.type)
    available = torch.cuda.device_count() if device.type == "cuda" else config.devices
    if config.devices > available:
        raise ValueError(
            f"training.devices: got {config.devices}, and this machine has {available} GPUs; "
            f"set training.devices={available}, or training.device=cpu"
        )
    return device


def _stop(number: int, _frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    logger.warning("%s: stopped before training began; the same command starts it", name)
    raise TrainingInterrupted


def _raise_recorded(errors: WorkerErrorFiles) -> None:
    """Raise the interruption or permanent failure that the processes have recorded, if any."""
    if errors.interrupted:
        raise TrainingInterrupted
    failure = errors.permanent_failure()
    if isinstance(failure, str):
        raise TrainingFailedError(failure)
    if failure is not None:
        raise failure


def _failure_reason(error: Any, errors: WorkerErrorFiles) -> str:  # noqa: ANN401 - torchelastic's error
    """Why a launch failed: the signal that killed a process, or the first exception."""
    rank, failure = error.get_first_failure()
    if failure.exitcode < 0:
        how = describe_signal(-failure.exitcode)
        return f"process {rank} ended with {how}; checkpoints are intact"
    return errors.reason() or f"process {rank} ended with status {failure.exitcode}"


def _rendezvous_reason(error: Exception, config: TrainingConfig) -> str:
    """Why the machines did not connect, and what to check."""
    cause = str(error.__cause__ or error).strip().partition("\n")[0] or type(error).__name__
    if config.nnodes == 1:
        return f"the processes on this machine did not connect: {cause}"
    return (
        f"the {config.nnodes} machines did not meet at training.rdzv_endpoint "
        f"{config.rdzv_endpoint} ({cause}); expected host:port of one of them, reachable from all, "
        f"and the same command with the same training.rdzv_id on each; checkpoints are intact"
    )


@contextmanager
def _rank_logs(errors: WorkerErrorFiles) -> Iterator[Path]:
    """Folder of what the processes besides the first print; kept where one of them failed."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    folder, failed = errors.folder, False
    logs = Path(tempfile.mkdtemp(prefix=f"{socket.gethostname()}-", dir=folder))
    try:
        yield logs
    except ChildFailedError:
        failed = True
        raise
    finally:
        if not failed and errors.reason() is None:
            shutil.rmtree(logs, ignore_errors=True)


@contextmanager
def _scratch() -> Iterator[None]:
    """Temporary folder of torchelastic and torch.multiprocessing, which do not clean up fully."""
    before = tempfile.tempdir
    with TemporaryDirectory(prefix="sagan-processes-", ignore_cleanup_errors=True) as folder:
        tempfile.tempdir = folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _launch_config(config: TrainingConfig, logs: Path) -> Any:  # noqa: ANN401 - LaunchConfig
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, Std
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
        logs_specs=DefaultLogsSpecs(
            log_dir=str(logs), redirects=dict.fromkeys(range(1, config.devices), Std.ALL)
        ),
        signals_to_handle=",".join(number.name for number in handled_signals()),
    )


def elastic_variables(device: torch.device) -> dict[str, str]:
    """Environment variables of torchelastic and its processes, where they are not set already."""
    return {
        # a new store for each restart: a shared one would still hold the addresses of dead ones
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
        # NCCL's watchdog tells only there which call timed out; gloo has stack frames instead
        "TORCH_CPP_LOG_LEVEL": "WARNING" if device.type == "cuda" else "FATAL",
        # read by LaunchConfig of newer versions of torch
        "TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(_SAVING_SECONDS),
    }


@contextmanager
def _elastic_settings(device: torch.device) -> Iterator[None]:
    """Environment variables and log levels of torchelastic and its processes."""
    variables = elastic_variables(device)
    start_resource_tracker()  # started later, it would unblock signals
    # torchelastic's log repeats our messages as tracebacks; its loggers have their own levels
    noisy = [
        logging.getLogger(name)
        for name in list(logging.root.manager.loggerDict)
        if name.startswith(("torch.distributed", "torch.multiprocessing"))
    ]
    levels = [logger.level for logger in noisy]
    for logger in noisy:
        logger.setLevel(logging.CRITICAL)
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update({name: before[name] or value for name, value in variables.items()})
    try:
        yield
    finally:
        for logger, level in zip(noisy, levels, strict=True):
            logger.setLevel(level)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
