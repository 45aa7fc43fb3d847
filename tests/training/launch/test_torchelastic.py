"""What the launcher tells torchelastic and its processes; launches are in test_distributed."""

import gc
import os
import signal
import weakref
from types import SimpleNamespace

import pytest
import torch

from sagan.processes.lock import FolderInUseError, exclusive_folder
from sagan.processes.signals import TrainingInterrupted
from sagan.training.core.finite import NonFiniteError
from sagan.training.launch.error_files import WorkerErrorFiles
from sagan.training.launch.torchelastic import (
    TrainingFailedError,
    _elastic_settings,
    _failure_reason,
    _launch_config,
    _raise_recorded,
    elastic_variables,
    launch,
)


def test_nccl_speaks_and_gloo_does_not():
    levels = {
        kind: elastic_variables(torch.device(kind))["TORCH_CPP_LOG_LEVEL"]
        for kind in ("cuda", "cpu")
    }
    assert levels == {"cuda": "WARNING", "cpu": "FATAL"}


@pytest.mark.slow
def test_processes_get_the_time_that_schedulers_reserve_and_what_they_print_is_kept(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.delenv("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", raising=False)
    with _elastic_settings(torch.device("cpu")):
        made = _launch_config(tiny(devices=2), tmp_path)
    assert made.shutdown_timeout == 110
    assert "TORCH_ELASTIC_SHUTDOWN_TIMEOUT" not in os.environ
    environments = {rank: {"TORCHELASTIC_RUN_ID": "one"} for rank in range(2)}
    written = made.logs_specs.reify(environments)
    assert written.stderrs[0] == ""  # the terminal's
    assert written.stderrs[1].startswith(str(tmp_path))


def test_a_second_launch_is_refused_and_leaves_the_firsts_error_files(
    tiny, shards, tmp_path, monkeypatch
):
    monkeypatch.setattr("sagan.processes.lock._LEAVING_SECONDS", 0.0)
    errors = WorkerErrorFiles(tmp_path / "run" / "processes")
    with exclusive_folder(errors.folder):
        errors.record_failure(1, RuntimeError("of the first"))
        with pytest.raises(FolderInUseError):
            launch(tiny(devices=2), shards, tmp_path, tmp_path, tmp_path / "run")
    assert errors.reason() == "process 1 failed: RuntimeError: of the first"


def test_what_torchelastic_leaves_running_at_a_signal_is_never_freed(
    tiny, shards, tmp_path, monkeypatch
):
    """Its keep-alive timer may be the last to use it, and cannot wait for its own thread."""
    from torch.distributed.elastic.multiprocessing.api import SignalException

    rendezvous = []

    def signalled(*_):
        def start(*_):
            handler = {signal.SIGHUP}
            rendezvous.append(weakref.ref(handler))
            raise SignalException("SIGHUP", signal.SIGHUP)

        return start

    monkeypatch.setattr("torch.distributed.launcher.api.elastic_launch", signalled)
    with pytest.raises(TrainingInterrupted):
        launch(tiny(devices=2), shards, tmp_path, tmp_path, tmp_path / "run")
    gc.collect()
    assert rendezvous[0]() is not None


def test_a_recorded_end_is_raised_as_in_one_process(tmp_path):
    errors = WorkerErrorFiles(tmp_path)
    _raise_recorded(errors)
    errors.record_failure(1, RuntimeError("a restart may cure it"))
    _raise_recorded(errors)
    errors.record_failure(0, NonFiniteError("generator", {"loss": 1.0}, "; after 8 images"))
    with pytest.raises(NonFiniteError, match=r"generator.*; after 8 images"):
        _raise_recorded(errors)
    errors.record_interruption()
    with pytest.raises(TrainingInterrupted):
        _raise_recorded(errors)
    errors.clear()
    errors.record_failure(0, ValueError("no run"))
    with pytest.raises(TrainingFailedError, match=r"^no run$"):
        _raise_recorded(errors)


@pytest.mark.parametrize(
    ("status", "words"), [(-9, "signal 9 (out of memory"), (-6, "signal 6 (aborted"), (1, "full")]
)
def test_how_a_process_ended(tmp_path, status, words):
    errors = WorkerErrorFiles(tmp_path)
    errors.record_failure(3, RuntimeError("full"))
    failed = SimpleNamespace(get_first_failure=lambda: (3, SimpleNamespace(exitcode=status)))
    reason = _failure_reason(failed, errors)
    assert reason.startswith("process 3 ")
    assert words in reason
    assert ("memory" in reason) == (status == -9)
