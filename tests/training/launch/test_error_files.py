import errno

import pytest

from sagan.training.core.finite import NonFiniteError
from sagan.training.launch.error_files import WorkerErrorFiles


@pytest.fixture
def errors(tmp_path, monkeypatch):
    """Of the processes that meet at port 1."""
    monkeypatch.setenv("MASTER_ADDR", "node1")
    monkeypatch.setenv("MASTER_PORT", "1")
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
