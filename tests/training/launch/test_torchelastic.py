"""What the launcher tells torchelastic and its processes; launches are in test_distributed."""

import os
from types import SimpleNamespace

import pytest
import torch

from sagan.training.launch.error_files import WorkerErrorFiles
from sagan.training.launch.torchelastic import (
    _elastic_settings,
    _failure_reason,
    _launch_config,
    elastic_variables,
)


def test_nccl_speaks_and_gloo_does_not():
    levels = {
        kind: elastic_variables(torch.device(kind))["TORCH_CPP_LOG_LEVEL"]
        for kind in ("cuda", "cpu")
    }
    assert levels == {"cuda": "WARNING", "cpu": "FATAL"}


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
