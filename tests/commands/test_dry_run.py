"""Dry runs: the configuration and the plan are printed, and nothing is written."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from sagan.commands.dry_run import (
    comparison_plan,
    evaluation_plan,
    training_plan,
    tuning_plan,
)
from sagan.comparison.config import ComparisonConfig
from sagan.metrics.config import EvaluationConfig
from sagan.training.config import TrainingConfig
from sagan.training.core.state import TrainingState
from sagan.training.store.checkpoint_files import state_bytes
from sagan.training.store.identity import run_identity
from sagan.tuning.config import TuningConfig
from tests.program import program
from tests.small_world import small_shards
from tests.training.conftest import TINY

train = program("train")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return small_shards(tmp_path_factory.mktemp("shards"))


def files(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def row(text: str, name: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith(f"  {name} "))
    return line.removeprefix(f"  {name} ").strip()


def test_parameters_and_plan_are_printed_and_nothing_is_written(shards, tmp_path, capsys) -> None:
    config = tmp_path / "training.yml"
    config.write_text(yaml.safe_dump({"training": TINY}))
    store = shards.path.parents[1]
    before = files(store) | files(tmp_path)

    words = [str(shards.path), "--out", str(tmp_path / "runs"), "--config", str(config)]
    assert train([*words, "--set", "seed=5", "--dry-run"]) == 0

    assert files(store) | files(tmp_path) == before
    settings, _, plan = capsys.readouterr().out.partition("\n\n")
    resolved = TrainingConfig(**yaml.safe_load(settings)["training"])
    assert resolved == TrainingConfig(**TINY | {"seed": 5})
    assert row(plan, "images") == "40"
    assert row(plan, "steps") == "10 of 4 images"
    assert row(plan, "attention") == "G at 8 px, D at 8 px"
    assert row(plan, "time").startswith("unknown")


def test_sizes_are_those_of_the_real_networks(shards, tmp_path) -> None:
    config = TrainingConfig(**TINY)
    sizes = {"image_size": shards.image_size, "num_classes": shards.num_classes}
    plan = training_plan(config, tmp_path, **sizes)

    import torch

    state = TrainingState(config, shards, torch.device("cpu"))
    networks = (state.generator, state.discriminator)
    counts = [sum(p.numel() for p in network.parameters()) for network in networks]
    assert row(plan, "parameters") == f"G {counts[0]:,}, D {counts[1]:,}"
    needed = 3 * state_bytes(state.state_dict())
    assert row(plan, "disk").startswith(f"{needed / 1e6:.1f} MB for 3 checkpoints")


def test_attention_that_follows_the_size_is_named(tmp_path) -> None:
    model = {"discriminator": {"attention_resolutions": []}}
    config = TrainingConfig(**TINY | {"model": model})
    sizes = {"num_classes": None, "image_size": 32}
    plan = training_plan(config, tmp_path, **sizes)
    assert row(plan, "attention") == "G at 16 px, D none"
    plan = training_plan(config, tmp_path, **sizes | {"image_size": None})
    assert row(plan, "attention").startswith("unknown: it follows the images' size")


def test_an_evaluation_is_planned_as_its_protocol_sets_it() -> None:
    curve = {"truncations": [0.5, 1.0], "num_samples": 300}
    config = EvaluationConfig(features="classifier", classifier={"epochs": 6}, sweep=curve)

    plan = evaluation_plan(config)
    assert row(plan, "protocol") == "no named one"
    assert row(plan, "samples") == "50,000, against all real images of train"
    assert row(plan, "truncation") == "0.5, 1.0; 300 samples each"
    assert row(plan, "classifier") == "6 epochs, unless it was trained before"

    plan = evaluation_plan(EvaluationConfig(**config.model_dump() | {"protocol": "quick"}))
    assert row(plan, "protocol").startswith("quick; evaluation.protocol=null measures in full")
    assert row(plan, "samples").startswith("1,000, against")
    assert row(plan, "truncation") == "no curve"


def test_what_is_not_known_before_preprocessing_is_said(tmp_path) -> None:
    plan = training_plan(TrainingConfig(**TINY), tmp_path, image_size=16, num_classes=None)
    assert row(plan, "parameters").startswith("unknown")
    assert row(plan, "disk") == "unknown"


def earlier_run(folder: Path, config: TrainingConfig, *rates: float) -> None:
    folder.mkdir()
    shards = SimpleNamespace(key="k", data_hash="h", image_size=16, num_classes=3)
    identity = run_identity(config, shards)
    (folder / "identity.json").write_text(json.dumps(identity))
    lines = [json.dumps({"images_per_second": rate}) for rate in rates]
    (folder / "journal.jsonl").write_text("\n".join([*lines, '{"torn']))


def test_time_is_by_the_rate_of_an_earlier_run_of_the_same_model(tmp_path, monkeypatch) -> None:
    config = TrainingConfig(**TINY | {"total_images": 360_000})
    earlier_run(tmp_path / "other", TrainingConfig(**TINY | {"batch_size": 8}), 1.0)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "journal.jsonl").write_text("")
    (tmp_path / "damaged" / "identity.json").write_text("{")
    sizes = {"image_size": 16, "num_classes": 3}
    monkeypatch.chdir(tmp_path.parent)
    unknown = f"unknown: no earlier run of this model in {tmp_path.name}"
    assert row(training_plan(config, tmp_path, **sizes), "time") == unknown

    config = config.model_copy(update={"precision": "auto"})  # what it means is recorded
    earlier_run(tmp_path / "same", config, 10.0, 40.0, 50.0)
    plan = training_plan(config, tmp_path, **sizes)
    assert row(plan, "time") == "2 h 30 min at 40 images/s, as measured"
    shards_to_make = sizes | {"num_classes": None}
    assert row(training_plan(config, tmp_path, **shards_to_make), "time").startswith("2 h 30 min")
    shorter = config.model_copy(update={"total_images": 143_990})  # 10 images less than an hour
    plan = training_plan(shorter, tmp_path, **sizes)
    assert row(plan, "time") == "1 h 0 min at 40 images/s, as measured"


def test_a_study_is_planned_with_all_its_runs() -> None:
    training = TrainingConfig(**TINY)
    comparison = {"seeds": [0, 1], "search": {"candidates": [{}, {}], "total_images": 8}}

    plan = comparison_plan(ComparisonConfig(**comparison, workers=2), training)

    assert row(plan, "runs") == "3 variants, 2 seeds: 6"
    assert row(plan, "search") == "6 runs of 8 images before"
    assert row(plan, "images") == "40 in each run, 288 in all"
    assert row(plan, "at once") == "2 runs"

    plan = comparison_plan(ComparisonConfig(total_images=10), training)
    assert row(plan, "images") == "10 in each run, 90 in all"
    assert "search" not in plan

    space = {"generator_lr": {"type": "float", "low": 0.0001, "high": 0.001}}
    config = TuningConfig(study="x", trials=5, search_space=space, score_every_images=4)
    plan = tuning_plan(config, training)
    assert row(plan, "images").startswith("40 in each trial, 200 in all at most; poor trials")
    shorter = config.model_copy(update={"training": {"total_images": 8}, "pruner": None})
    assert row(tuning_plan(shorter, training), "images") == "8 in each trial, 40 in all at most"
