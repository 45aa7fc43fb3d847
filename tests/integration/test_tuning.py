"""`kedro run --pipeline=tuning`, from a study to a training with what it found."""

import json
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import Command, command_in, copy_finished, run_here

SMALL = {
    "trials": 2,
    "workers": 1,
    "score_every_images": 96,
    "training": {"total_images": 192},
    "pruner": None,
    "warm_starts": {"default": {}},
}


@pytest.fixture(scope="module")
def tuned_project(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished project in which a study of two trials is done."""
    target = copy_finished(finished_project, tmp_path_factory.mktemp("tuned") / "project")
    path = target / "conf" / "base" / "parameters_tuning.yml"
    parameters = yaml.safe_load(path.read_text())
    parameters["tuning"] |= SMALL
    parameters["tuning"]["evaluation"] |= {"num_samples": 40}
    parameters["tuning"]["evaluation"]["classifier"] |= {"epochs": 1, "base_channels": 4}
    path.write_text(yaml.safe_dump(parameters))
    done = command_in(target)("kedro", "run", "--pipeline=tuning")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert any("trial 1: fd_classifier" in line for line in lines)
    assert lines[-2].endswith("data/08_reporting/tuning_report.html")
    assert lines[-1].endswith("next: sagan tune adopt")
    return target


@pytest.fixture(scope="module")
def run(tuned_project: Path) -> Command:
    return command_in(tuned_project)


def test_a_tuned_value_becomes_a_parameter_by_one_command(
    tuned_project: Path, run: Command
) -> None:
    results = json.loads((tuned_project / "data/08_reporting/tuning_results.json").read_text())
    assert results["states"] == {"complete": 2, "pruned": 0, "failed": 0}
    adopted = run("python", "-m", "sagan", "tune", "adopt", "--as", "found")
    assert adopted.returncode == 0, adopted.stderr
    written = tuned_project / "conf" / "found" / "parameters_training.yml"
    rate = yaml.safe_load(written.read_text())["training"]["generator_lr"]
    assert rate == results["best"][0]["parameters"]["generator_lr"]

    trained = run("kedro", "run", "--pipeline=training", "--env=found")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    summary = json.loads((tuned_project / "data/08_reporting/training_summary.json").read_text())
    folder = tuned_project / "data/06_models/checkpoints" / summary["fingerprint"]["run"]
    identity = json.loads((folder / "identity.json").read_text())
    assert identity["parameters"]["generator_lr"] == rate


def test_another_search_space_is_refused_in_one_message(tuned_project: Path) -> None:
    change = "--params=tuning.search_space.generator_lr.high=0.003"
    refused = run_here(tuned_project, "--pipeline=tuning", change)
    assert refused.exit_code == 1
    assert "search_space.generator_lr.high: 0.002 -> 0.003" in refused.stderr
    assert "tuning.study=digits_2" in refused.stderr
    assert "Traceback" not in refused.stderr
