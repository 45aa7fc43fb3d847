"""Studies and completion as DVC stages: made, skipped, redone, never by a plain `dvc repro`."""

import json
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import Command, command_in, copy_finished

REPORTING = "data/08_reporting"
PROTOCOL = {
    "features": "classifier",
    "num_samples": 40,
    "classifier": {"epochs": 1, "base_channels": 4},
    "neighbours": None,
    "intra_class": False,
    "memorisation": False,
    "bootstrap_resamples": 0,
    "extrapolation_points": 0,
}
ALWAYS_WARN = {"every_steps": 1, "patience": 1, "min_diversity": 1000}
SMALL = {
    "tuning": {
        "trials": 1,
        "workers": 1,
        "score_every_images": 64,
        "training": {"total_images": 64},
        "pruner": None,
        "warm_starts": {"default": {}, "falling_rates": None, "more_updates": None},
    },
    "comparison": {
        "seeds": [0],
        "total_images": 64,
        "score_every_images": 64,
        "workers": 2,
        "variants": [
            {"name": "sagan"},
            {"name": "slow", "parameters": {"generator_lr": 0.0001, "watch": ALWAYS_WARN}},
        ],
    },
    "completion": {"num_images": 1, "refine_steps": 1, "encoder": {"steps": 2}},
}


def change(project: Path, pipeline: str, **changes) -> None:
    path = project / "conf/base" / f"parameters_{pipeline}.yml"
    parameters = yaml.safe_load(path.read_text())
    parameters[pipeline] |= changes
    path.write_text(yaml.safe_dump(parameters, sort_keys=False))


def results(project: Path) -> dict:
    return json.loads((project / REPORTING / "tuning_results.json").read_text())


@pytest.fixture(scope="module")
def studied(finished_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished project in which all studies were made by DVC."""
    project = copy_finished(finished_project, tmp_path_factory.mktemp("studied") / "project")
    change(project, "tuning", **SMALL["tuning"], evaluation=PROTOCOL)
    for study in ("comparison", "completion"):
        change(project, study, **SMALL[study])
    file = project / "studies/dvc.yaml"
    file.write_text(file.read_text().replace(": {}", ": {base: data}"))
    done = command_in(project)("dvc", "repro", "studies/dvc.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Running stage 'training@base'" not in done.stdout
    return project


@pytest.fixture(scope="module")
def run(studied: Path) -> Command:
    return command_in(studied)


def test_all_are_made_and_not_made_again(studied: Path, run: Command) -> None:
    assert (studied / REPORTING / "tuning_report.html").is_file()
    assert (studied / REPORTING / "comparison.html").is_file()
    assert (studied / REPORTING / "completions.png").is_file()
    assert (studied / "studies/dvc.lock").is_file()
    log = (studied / "info.log").read_text()
    assert (
        log.count("WARNING sagan.training.monitor.collapse: slow, seed 0: collapse:") == 2
    )  # G, its average
    again = run("dvc", "repro", "studies/dvc.yaml")
    assert again.returncode == 0, again.stderr
    assert "Running stage" not in again.stdout


def test_plain_repro_runs_no_study(studied: Path, run: Command) -> None:
    done = run("dvc", "repro", "--dry")
    assert done.returncode == 0, done.stderr
    assert "tuning" not in done.stdout
    assert "comparison" not in done.stdout
    assert "completion" not in done.stdout


def test_a_changed_study_begins_afresh_and_is_not_refused(studied: Path, run: Command) -> None:
    before = results(studied)["study"]
    change(studied, "tuning", sampler={"type": "random", "seed": 1})
    done = run("dvc", "repro", "studies/dvc.yaml:tuning@base")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "study digits-" in done.stderr
    assert "starts: 0 of 1 trials done" in done.stderr
    assert results(studied)["study"] != before
