"""What a run makes of a generator reaches the record of its training; Kedro's hook sends it."""

import json
from pathlib import Path

import pytest

from tests.integration.conftest import copy_finished, run_here


def test_later_pipelines_send_to_the_record_of_the_training(
    finished_project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing listens there
    project = copy_finished(finished_project, tmp_path / "project")
    later = "training.trackers=[dvclive,mlflow],training.seed=7"  # not the seed that it ran with
    done = run_here(project, "--pipelines=sampling,evaluation", f"--params={later}")
    assert done.exit_code == 0, done.output
    (warning,) = [line for line in caplog.messages if "mlflow" in line]
    assert warning.startswith("mlflow ends here")

    reporting = project / "data/08_reporting"
    summary = json.loads((reporting / "training_summary.json").read_text())
    record = project / "data/06_models/checkpoints" / summary["fingerprint"]["run"] / "dvclive"
    scores = json.loads((record / "metrics.json").read_text())
    metrics = json.loads((reporting / "metrics.json").read_text())
    assert scores["step"] == summary["steps"]
    assert scores["evaluation"]["fd_classifier"] == pytest.approx(metrics["fd_classifier"])
    for name in ("sample_grid", "attention_maps"):
        assert (record / f"plots/images/{name}/{summary['steps']:08d}.png").is_file()
    parameters = (record / "params.yaml").read_text()
    assert "evaluation.num_samples: 40" in parameters
    assert f"seed: {summary['parameters']['seed']}" in parameters.splitlines()
    assert summary["parameters"]["seed"] != 7
    assert "sampling.samples_per_class: 2" in parameters
