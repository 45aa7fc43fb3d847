"""What a process of a distributed training ends with, in this process."""

import threading

import pytest
import torch

from sagan.processes.signals import TrainingInterrupted
from sagan.training.core import distributed
from sagan.training.core.distributed import distributed_context
from sagan.training.launch import worker
from sagan.training.launch.error_files import WorkerErrorFiles


class Exited(BaseException):
    """In place of the end of this process."""


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The process of rank 1, and its error files."""
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(worker, "_log", lambda *_: None)

    def leave(status):
        raise Exited(status)

    monkeypatch.setattr("os._exit", leave)

    def work(train):
        monkeypatch.setattr(worker, "_train", train)
        worker.work(None, tmp_path, {}, tmp_path, 0)

    return work, WorkerErrorFiles(tmp_path)


@pytest.mark.parametrize(("error", "status"), [(ValueError(), 1), (TrainingInterrupted(), 75)])
def test_after_an_error_the_process_exits_without_waiting_for_others(started, error, status):
    work, errors = started

    def train(*_):
        raise error

    with pytest.raises(Exited, match=f"^{status}$"):
        work(train)
    assert errors.interrupted == (status == 75)


def test_what_could_not_be_recorded_is_printed(started, capsys):
    work, _ = started

    def train(*_):
        raise ValueError("lost")

    with pytest.raises(Exited):
        work(train)
    assert "ValueError: lost" in capsys.readouterr().err


def test_started_again_in_vain_it_returns(started):
    work, errors = started
    errors.record_interruption()
    work(lambda *_: pytest.fail("trained"))


def test_one_that_hangs_exits_once_another_has_failed(started, monkeypatch):
    work, errors = started
    monkeypatch.setattr(worker, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(worker, "_GRACE_SECONDS", 0.01)
    left = threading.Event()
    monkeypatch.setattr(worker, "_exit", lambda status: left.set() if status == 1 else None)

    def train(*_):
        assert not left.wait(0.1)
        errors.record_failure(0, RuntimeError())
        assert left.wait(10)

    work(train)


def test_a_process_group_is_left_where_all_went_well_alone(monkeypatch):
    """NCCL may wait for the others where the group is destroyed after an error."""
    calls = []
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setattr("torch.distributed.init_process_group", lambda *_, **__: None)
    monkeypatch.setattr("torch.distributed.destroy_process_group", lambda: calls.append("left"))
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 0)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda: 2)
    monkeypatch.setattr(distributed, "_cpu_group", lambda _: None)

    with pytest.raises(KeyError), distributed_context("cpu", timeout_seconds=1.0):
        raise KeyError
    assert calls == []
    with distributed_context("cpu", timeout_seconds=1.0) as context:
        assert context.device == torch.device("cpu")
    assert calls == ["left"]
