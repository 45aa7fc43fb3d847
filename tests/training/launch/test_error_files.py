import errno
import os
import signal
from contextlib import contextmanager

import pytest

from sagan.training.core.finite import NonFiniteError
from sagan.training.launch import error_files
from sagan.training.launch.error_files import WorkerErrorFiles


@pytest.fixture
def errors(tmp_path, monkeypatch):
    """Of the processes that meet at port 1."""
    monkeypatch.setenv("MASTER_ADDR", "node1")
    monkeypatch.setenv("MASTER_PORT", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    return WorkerErrorFiles(tmp_path)


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (ValueError("training.continue_from: no run"), "training.continue_from: no run"),
        (OSError(errno.ENOSPC, "full"), "[Errno 28] full"),
        (OSError(errno.EIO, "broken"), None),
        (RuntimeError("CUDA error"), None),
    ],
)
def test_what_a_restart_cannot_cure_is_permanent(errors, error, permanent):
    errors.record_failure(1, error)
    assert errors.permanent_failure() == permanent
    assert errors.is_final == (permanent is not None)


def test_diverged_losses_keep_their_facts(errors):
    errors.record_failure(0, NonFiniteError("generator", {"loss": 1.0}))
    assert isinstance(errors.permanent_failure(), NonFiniteError)


def test_the_first_failure_is_the_reason(errors):
    errors.record_failure(1, RuntimeError("the cause"))
    errors.record_failure(0, RuntimeError("lost its partner"))
    assert errors.reason() == "process 1 failed: RuntimeError: the cause"


def test_the_latest_reason_is_of_the_newest_start(errors, monkeypatch):
    assert errors.latest_reason() is None
    errors.record_failure(0, RuntimeError("of the first start"))
    monkeypatch.setenv("MASTER_PORT", "2")
    errors.record_failure(1, RuntimeError("the cause"))
    errors.record_failure(2, RuntimeError("lost its partner"))
    assert errors.latest_reason() == "process 1 failed: RuntimeError: the cause"


def test_a_failure_of_another_process_of_this_start_is_seen(errors, monkeypatch):
    assert not errors.others_failed(0)
    errors.record_failure(1, RuntimeError())
    assert errors.others_failed(0)
    assert not errors.others_failed(1)
    monkeypatch.setenv("MASTER_PORT", "2")  # all were started again
    assert not errors.others_failed(0)
    errors.clear()
    assert errors.reason() is None


@contextmanager
def another(errors, rank):
    """The id of another process that runs."""
    receiving, sending = os.pipe()
    if not (child := os.fork()):
        with errors.running(rank):
            os.write(sending, b".")
            signal.pause()
    os.read(receiving, 1)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for end in (receiving, sending):
            os.close(end)


def test_a_killed_process_is_seen_and_is_the_reason_of_what_the_others_lose(errors, monkeypatch):
    with another(errors, 1) as child, errors.running(0):
        assert not errors.others_failed(0)
        os.kill(child, signal.SIGKILL)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        errors.record_failure(2, RuntimeError("Connection closed by peer"))
        assert errors.reason() == "process 1 was killed (out of memory, perhaps)"
        errors.clear()
    with another(errors, 1) as child:
        os.kill(child, signal.SIGKILL)
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert not errors.others_failed(2)  # which looks after process 0
        assert errors.others_failed(0)
        assert errors.others_failed(2)  # as process 0 has recorded
    assert errors.latest_reason() == "process 1 was killed (out of memory, perhaps)"
    monkeypatch.setenv("MASTER_PORT", "2")  # all were started again
    assert not any(map(errors.others_failed, range(3)))


def test_a_process_that_ends_by_itself_was_not_killed(errors):
    with errors.running(0):
        with errors.running(1):
            pass
        assert not errors.others_failed(0)
    assert not list(errors.folder.iterdir())


def test_there_is_room_for_a_failure_on_a_full_disk(errors, monkeypatch):
    original = error_files.replacing_file

    def full(path):
        if list(errors.folder.glob("reserved-*")):
            raise OSError(errno.ENOSPC, "full")
        return original(path)

    monkeypatch.setattr(error_files, "replacing_file", full)
    with errors.running(0):
        assert sum(path.stat().st_size for path in errors.folder.iterdir()) > 1 << 15
        errors.record_failure(0, OSError(errno.ENOSPC, "full"))
    assert errors.permanent_failure() == "[Errno 28] full"
