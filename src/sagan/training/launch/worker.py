"""One process of a distributed training, from joining the others to its exit."""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sagan.common.devices import choose_device
from sagan.common.terminal import configure_logging
from sagan.data.shards.store import ShardStore
from sagan.processes.signals import EXIT_INTERRUPTED, TrainingInterrupted, stop_requests
from sagan.training.config import TrainingConfig
from sagan.training.launch.error_files import WorkerErrorFiles

logger = logging.getLogger(__name__)
_POLL_SECONDS = 1.0  # between looks at the others' error files
_GRACE_SECONDS = 10.0  # to end by itself once another process has failed


def work(
    config: TrainingConfig,
    shards: Path,
    folders: dict[str, Path],
    error_folder: Path,
    log_level: int,
) -> None:
    """One process of a distributed training, called by torchelastic.

    It returns when training has finished, or if it was started again in vain: the error files tell
    the launcher why. Otherwise it exits at once: the launcher waits for the exit, and an orderly
    one may wait for processes that are gone, as NCCL's does.
    """
    rank, errors = int(os.environ["RANK"]), WorkerErrorFiles(error_folder)
    _log(rank, log_level)
    if errors.is_final:  # restarted although one process was signalled or failed permanently
        return
    if restart := int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")):
        logger.warning(
            "%s; all are started again from the last checkpoint (%d of at most %d times)",
            errors.latest_reason() or "a process was killed",
            restart,
            config.restarts,
        )
    try:
        with errors.running(rank), _leaving_with_others(errors, rank):
            _train(config, shards, folders, errors, rank)
    except TrainingInterrupted:
        errors.record_interruption()
        _exit(EXIT_INTERRUPTED)
    except Exception:
        if errors.reason() is None:  # it could not be recorded
            traceback.print_exc()
        _exit(1)


def _train(
    config: TrainingConfig,
    shards: Path,
    folders: dict[str, Path],
    errors: WorkerErrorFiles,
    rank: int,
) -> None:
    from sagan.training.core.distributed import distributed_context
    from sagan.training.run import run_training

    timeout = config.collective_timeout_seconds
    with stop_requests(patient=True) as stop:
        try:
            device = choose_device(config.device, threads=config.threads)
            with distributed_context(device.type, timeout_seconds=timeout) as context:
                store = ShardStore.open(shards)
                run_training(config, store, context, stop, **folders, on_score=None)
        except Exception as error:
            errors.record_failure(rank, error)  # before the others lose this process
            raise


@contextmanager
def _leaving_with_others(errors: WorkerErrorFiles, rank: int) -> Iterator[None]:
    """Exit soon after another process has failed.

    On a GPU this process would wait for it in a collective call, in which no signal is handled.
    """
    done = threading.Event()

    def watch() -> None:
        while not done.wait(_POLL_SECONDS):
            if errors.others_failed(rank):
                if not done.wait(_GRACE_SECONDS):
                    _exit(1)
                return

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _exit(status: int) -> None:
    with suppress(OSError, ValueError):  # nobody reads them any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


def _log(rank: int, level: int) -> None:
    """Log in the main process only; the others write error files."""
    configure_logging(level)
    logging.getLogger("sagan").setLevel(level if rank == 0 else logging.CRITICAL)
    logging.getLogger("sagan.common.devices").setLevel(logging.ERROR)  # the launcher has logged it
