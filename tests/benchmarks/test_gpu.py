"""The program works on a CPU, and a row that is wrong fails."""

import json

from benchmarks import gpu


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


def test_a_row_that_is_wrong_fails_the_command(tmp_path, capsys, monkeypatch):
    def wrong(bench):
        raise AssertionError("0.3 is above 0.2")

    def absent(bench):
        bench.require_time(1e9)

    monkeypatch.setattr(gpu, "CHECKS", [("device", lambda _: {"name": "A 1"}), ("nets", wrong)])
    monkeypatch.setattr(gpu, "SPEEDS", [("long", absent)])

    assert gpu.main(["--device", "cpu", "--out", str(tmp_path)]) == 1

    out = capsys.readouterr().out
    assert "AssertionError: 0.3 is above 0.2" in out
    assert "takes about 1000000000 s" in out
    line = json.loads(out.splitlines()[-1])
    assert line == {"passed": 1, "failed": 1, "not_run": ["long"], "images_per_second": {}}
    assert (tmp_path / "gpu-a-1.json").exists()


def test_without_the_device_there_is_one_sentence(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    assert gpu.main([]) == 2

    assert "torch sees no CUDA device" in capsys.readouterr().err
