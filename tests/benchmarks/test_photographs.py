"""The judge of photographs is independent; the figures of the command add up."""

import json
import sys

import pytest
import torch
import torch.nn.functional as F

from benchmarks import independent_classifier, photographs
from benchmarks.independent_classifier import SHIFT_PX, changed
from benchmarks.independent_classifier import independent_classifier as judge
from tests.small_world import CLASSES, small_bundle


@pytest.fixture
def quick(monkeypatch):
    """A training of seconds on 72 drawn images, and no demand on what it learns."""
    for name, value in {"STEPS": 12, "BATCH_SIZE": 12, "CHANNELS": 4}.items():
        monkeypatch.setattr(independent_classifier, name, value)
    monkeypatch.setattr(photographs, "LEAST_ACCURACY", 0.0)


def test_images_are_flipped_and_shifted_and_nothing_else():
    torch.manual_seed(0)
    images = torch.rand(40, 3, 8, 8)

    made = changed(images)

    padded = F.pad(torch.cat([images, images.flip(3)]), (SHIFT_PX,) * 4, mode="reflect")
    windows = padded.unfold(2, 8, 1).unfold(3, 8, 1).permute(0, 2, 3, 1, 4, 5).reshape(80, -1, 192)
    flipped = 0
    for number, image in enumerate(made.flatten(1)):
        found = [(windows[n] == image).all(1).any().item() for n in (number, number + 40)]
        assert any(found)
        flipped += found == [False, True]
    assert 8 <= flipped <= 32


def test_the_judge_is_trained_once_and_kept(quick, small_store, tmp_path, monkeypatch):
    first, accuracy = judge(small_store, tmp_path)
    monkeypatch.setattr(independent_classifier, "train", None)  # would fail if called
    again, same = judge(small_store, tmp_path)

    assert accuracy == same
    for ours, theirs in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_judge_that_recognises_too_little_judges_nothing(quick, small_store, tmp_path):
    with pytest.raises(SystemExit, match="cannot judge samples"):
        photographs.measure(
            small_bundle(tmp_path / "b"), small_store, tmp_path, samples=12, least_accuracy=1.01
        )


def test_prints_a_table_and_one_json_line(quick, small_store, tmp_path, monkeypatch, capsys):
    small_bundle(tmp_path / "06_models/generator")
    for name, content in {
        "05_model_input/image_shards.json": {"path": str(small_store.path)},
        "08_reporting/training_summary.json": {"images_seen": 600, "train_seconds": 6.0},
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    out = tmp_path / "results/run.json"
    words = ["--data-root", str(tmp_path), "--samples", "30", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["photographs", *words])

    photographs.main()

    *table, line = capsys.readouterr().out.splitlines()
    assert max(map(len, table)) <= 80
    result = json.loads(line)
    assert result == json.loads(out.read_text())
    assert result["images"] == 600
    assert set(result["classes"]) == set(CLASSES)
    mean = sum(result["classes"].values()) / len(CLASSES)  # ten samples of each class
    assert result["recognised"] == pytest.approx(mean, abs=1e-3)
    for name in ("recognised_real", "recall", "near_copies"):
        assert 0 <= result[name] <= 1
    assert result["fd"] > result["fd_real"] > 0

    monkeypatch.setattr(sys, "argv", ["photographs", *words, "--truncation", "0.5"])
    photographs.main()

    *table, line = capsys.readouterr().out.splitlines()
    assert "truncated 0.5" in table[0]
    truncated = json.loads(line)
    assert truncated["untruncated"] == {name: result[name] for name in photographs.SCORES}
    assert truncated["fd"] != result["fd"]


def test_without_a_run_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["photographs", "--data-root", str(tmp_path)])
    with pytest.raises(SystemExit, match="train first: kedro run --pipeline=train --env=cifar10"):
        photographs.main()
