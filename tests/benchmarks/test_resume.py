"""The benchmark of kills runs, and notices the smallest difference between two runs."""

import json
import shutil
import sys

import pytest
import torch

from benchmarks import resume
from benchmarks.resume import compare_runs
from sagan.training.store.checkpoints import CheckpointStore
from sagan.training.store.journal import Journal


def test_a_run_that_is_killed_twice_equals_an_undisturbed_one(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["resume", "--kills", "2", "--steps", "60"])

    resume.main()

    *table, line = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["kills", "2"]
    result = json.loads(line)
    assert result["kills"] == 2
    assert result["identical"] is True
    assert 0 <= result["inside_saves"] <= 2


def finished_run(path, *, weight=1.0, train_seconds=1.0, loss=0.5, speed=100.0):
    parameter = torch.full((2, 3), 0.1)
    parameter[1, 2] *= weight
    state = {
        "generator": {"w": parameter},
        "generator_optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "groups": [{"lr": 0.1}]},
        "images_seen": 8,
        "train_seconds": train_seconds,
    }
    CheckpointStore(path, keep=2).save(state, 8)
    journal = Journal(path / "journal.jsonl")
    for images_seen in (4, 8):
        record = {"images_seen": images_seen, "loss": loss, "images_per_second": speed}
        journal.append(record)
    return path


@pytest.fixture
def whole(tmp_path):
    return finished_run(tmp_path / "whole")


def test_what_the_clock_decides_is_no_difference(whole, tmp_path):
    other = finished_run(tmp_path / "other", train_seconds=2.0, speed=50.0)

    assert compare_runs(whole, other) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"weight": 1 + 1e-7}, ["state generator.w"]),
        ({"weight": float("nan")}, ["state generator.w"]),
        ({"loss": 0.5000001}, ["journal at 4 images", "journal at 8 images"]),
    ],
)
def test_a_changed_bit_is_noticed(whole, tmp_path, change, found):
    assert compare_runs(whole, finished_run(tmp_path / "other", **change)) == found


def test_what_a_crash_left_over_or_lost_is_noticed(whole, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(whole, other)
    (other / ".checkpoint-000000000004.pt.17.saving").write_text("half")
    Journal(other / "journal.jsonl").rewind(4)

    assert compare_runs(whole, other) == [
        "journal of 2 and 1 records",
        "file .checkpoint-000000000004.pt.17.saving",
    ]


def test_differences_end_with_status_1(capsys, monkeypatch):
    tally = resume.Tally(kills=1, differences=["run 1: state generator.w"])
    monkeypatch.setattr(resume, "measure", lambda *_, **__: tally)
    monkeypatch.setattr(sys, "argv", ["resume"])

    with pytest.raises(SystemExit) as ended:
        resume.main()

    assert ended.value.code == 1
    output = capsys.readouterr().out
    assert "run 1: state generator.w" in output
    assert json.loads(output.splitlines()[-1])["identical"] is False
