"""The variants of small sets are settings that exist; their figures add up."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import independent_classifier, small_data
from sagan.common.parameters import load_settings
from sagan.training.config import TrainingConfig
from tests.small_world import small_bundle


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Generators without training, and a judge of seconds."""
    for name, value in {"STEPS": 12, "BATCH_SIZE": 12, "CHANNELS": 4}.items():
        monkeypatch.setattr(independent_classifier, name, value)

    def train(run, changes, out, options):
        bundle = small_bundle(tmp_path / f"{run[0]}-{run[1]}")
        return {"generator_bundle": str(bundle.path), "train_seconds": 1.0}

    monkeypatch.setattr(small_data, "train", train)


def test_every_variant_is_a_training_that_exists(tmp_path):
    files = [Path(f"conf/{env}/parameters_training.yml") for env in ("base", "cifar10")]
    variants = small_data.AUGMENTATIONS | small_data.starts(tmp_path)

    configs = {
        name: TrainingConfig(**load_settings("training", files, changes))
        for name, changes in variants.items()
    }

    different = [name for name in configs if name not in ("none", "scratch")]
    assert configs["none"] == configs["scratch"]
    assert all(configs[name] != configs["none"] for name in different)


def test_prints_a_line_a_run_and_one_json_line(quick, small_store, tmp_path, monkeypatch, capsys):
    out = tmp_path / "augmentation.json"
    words = ["augmentation", "--shards", str(small_store.path), "--judge", str(small_store.path)]
    words += ["--variants", "none", "ada", "--seeds", "2", "--samples", "30", "--jobs", "1"]
    words += ["--least-accuracy", "0", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["small_data", *words])

    small_data.main()

    *table, line = capsys.readouterr().out.splitlines()
    assert len(table) == 1 + 4
    result = json.loads(line)
    assert result == json.loads(out.read_text())
    assert [(row["variant"], row["seed"]) for row in result["rows"]] == [
        ("none", 0), ("ada", 0), ("none", 1), ("ada", 1)
    ]  # fmt: skip
    rows = [row["recall"] for row in result["rows"] if row["variant"] == "ada"]
    assert result["means"]["ada"]["recall"]["mean"] == pytest.approx(sum(rows) / 2, abs=1e-3)
    assert result["minus_none"]["ada"]["recall"]["mean"] == 0  # the same weights
    assert result["settings"]["ada"] == ["augmentation.method=ada"]
    assert result["images"] == len(small_store.split("train"))


@pytest.mark.parametrize(
    "words", [["start_from"], ["augmentation", "--model", "m"], ["augmentation", "--variants", "x"]]
)
def test_wrong_words_are_refused_before_any_work(words, monkeypatch, capsys):
    needed = ["--shards", "s", "--judge", "j"]
    monkeypatch.setattr(sys, "argv", ["small_data", *words, *needed])
    with pytest.raises(SystemExit, match="2"):
        small_data.main()
    assert "Traceback" not in capsys.readouterr().err
