"""The program works on a CPU, and a row that is wrong fails."""

import json
import os
import runpy
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu_checks.bench import GPU_SIZES, Bench, Check
from benchmarks.gpu_checks.values import gradients_agree, networks_agree


def test_every_row_passes_on_a_cpu_or_says_why_it_is_not_run(tmp_path, capsys):
    status = gpu.main(["--device", "cpu", "--quick", "--out", str(tmp_path)])

    lines = capsys.readouterr().out.splitlines()
    line, written = json.loads(lines[-1]), json.loads((tmp_path / "gpu-cpu.json").read_text())
    assert (status, line["failed"]) == (0, 0), lines
    rows = {row["name"]: row for row in written["rows"]}
    assert len(lines) == len(rows) + 1 == line["passed"] + len(line["not_run"]) + 1
    assert {"networks", "gradients", "resume", "recipes", "scores"} <= rows.keys()
    assert line["not_run"] == [name for name, row in rows.items() if row["reason"]]
    assert "two processes" in line["not_run"]
    assert rows["resume"]["numbers"] == {"bit_equal": "True", "difference": 0.0}
    assert line["images_per_second"]["step 16 px fp32"] > 0
    assert set(line["images_per_second"]) >= {"step 16 px textbook", "step 16 px bf16"}


@pytest.mark.parametrize("quick", [True, False])
def test_a_cpu_is_within_the_limits_at_the_sizes_of_a_gpu(quick, tmp_path, monkeypatch):
    """Each precision's own rounding is: a GPU's is of the same order, of few images too."""
    monkeypatch.setattr(Bench, "size", replace(GPU_SIZES[quick], batch_size=2))
    bench = Bench(torch.device("cpu"), quick, tmp_path)

    assert networks_agree(bench)["G fp32"] > 0
    assert gradients_agree(bench)["gradients fp32"] > 0


def test_rows_that_are_wrong_or_too_slow_fail_the_command(tmp_path, capsys, monkeypatch):
    def wrong(bench):
        raise AssertionError("0.3 is above 0.2")

    def slow(bench):
        try:
            time.sleep(60)
        except Exception:
            return {}

    checks = [Check("device", lambda _: {"name": "A 1"}), Check("nets", wrong)]
    monkeypatch.setattr(gpu, "CHECKS", [*checks, Check("slow", slow, 0.05)])
    monkeypatch.setattr(gpu, "SPEEDS", [Check("long", slow, quick=False)])

    assert gpu.main(["--device", "cpu", "--quick", "--out", str(tmp_path)]) == 1

    out = capsys.readouterr().out
    assert "AssertionError: 0.3 is above 0.2" in out
    assert "took longer than" in out
    line = json.loads(out.splitlines()[-1])
    assert line == {"passed": 1, "failed": 2, "not_run": ["long"], "images_per_second": {}}
    assert (tmp_path / "gpu-a-1.json").exists()


def test_the_time_for_all_rows_is_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gpu, "CPU_SECONDS", 0.1)
    rows = [Check(name, lambda _: time.sleep(60)) for name in ("cut", "late")]
    monkeypatch.setattr(gpu, "CHECKS", rows)
    monkeypatch.setattr(gpu, "SPEEDS", [])

    assert gpu.main(["--device", "cpu", "--out", str(tmp_path)]) == 0

    out = capsys.readouterr().out
    assert "all that were left" in out
    assert "no time is left" in out


def test_a_row_that_hangs_ends_the_program_with_the_rows_before_it(tmp_path, capsys, monkeypatch):
    """As in a call of a library, in which no signal is handled."""
    ended = threading.Event()

    def leave(status):
        ended.status = status
        ended.set()

    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(gpu, "HANGING_SECONDS", 0.0)
    monkeypatch.setattr(gpu, "_time_limit", lambda _: nullcontext())
    table = gpu.Table(gpu.Bench(torch.device("cpu"), True, tmp_path), tmp_path, 60.0)
    table.add(gpu.Row("device", "pass", "", {}, 0.0))

    table.run(Check("stuck", lambda _: {"ended": str(ended.wait(30))}, 0.01))

    assert ended.status == 1
    written = json.loads((tmp_path / "gpu-cpu.json").read_text())
    assert [(row["name"], row["outcome"]) for row in written["rows"]] == [
        ("device", "pass"),
        ("stuck", "fail"),
    ]


def test_packages_that_are_missing_are_named_in_one_line(monkeypatch):
    for name in ("pydantic", "tqdm", "benchmarks.gpu_checks"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(SystemExit, match=r"packages that are missing: pydantic, tqdm$"):
        runpy.run_path(gpu.__file__)


def test_without_the_device_there_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert gpu.main([]) == 2

    assert "torch sees no CUDA device" in capsys.readouterr().err
