import json

import numpy as np
import pytest
import yaml

from sagan.metrics.__main__ import main


@pytest.fixture
def samples(shards, tmp_path):
    train = shards.split("train")
    images = train.read(np.arange(len(train))).numpy()
    np.savez(tmp_path / "samples.npz", images=images, class_labels=train.labels)
    return tmp_path / "samples.npz"


@pytest.fixture
def parameters(config, tmp_path):
    path = tmp_path / "parameters_evaluation.yml"
    settings = config.model_dump(mode="json", exclude={"sweep"})
    path.write_text(yaml.safe_dump({"evaluation": settings}))
    return path


def test_writes_metrics(samples, parameters, shards, workspace, tmp_path):
    out = tmp_path / "out" / "metrics.json"
    arguments = [str(samples), str(shards.path), "--out", str(out), "--config", str(parameters)]

    assert main([*arguments, "--workspace", str(workspace)]) == 0

    metrics = json.loads(out.read_text())
    assert metrics["fd_classifier"] == pytest.approx(0, abs=1e-4)
    assert metrics["protocol"]["samples"]["file"] == "samples.npz"
    assert [path.name for path in out.parent.iterdir()] == ["metrics.json"]


def test_a_truncation_curve_is_left_out_and_said(samples, parameters, shards, workspace, caplog):
    """The pipeline's own parameters ask for one; a file cannot be drawn from again."""
    with parameters.open("a") as file:
        file.write("  sweep: {truncations: [0.5]}\n")
    out = parameters.parent / "metrics.json"
    arguments = [str(samples), str(shards.path), "--out", str(out), "--config", str(parameters)]

    with caplog.at_level("INFO"):
        assert main([*arguments, "--workspace", str(workspace)]) == 0

    assert "no truncation curve" in caplog.text
    assert "truncation_sweep" not in json.loads(out.read_text())["details"]


@pytest.mark.parametrize("fault", ["pickle", "text", "shape", "size", "missing"])
def test_a_bad_samples_file_is_one_clear_message(samples, shards, tmp_path, capsys, fault):
    images, labels = np.zeros((4, 3, 16, 16), np.uint8), np.zeros(4, np.int64)
    if fault == "pickle":
        np.savez(samples, images=np.array([object()]), class_labels=labels)
    elif fault == "text":
        samples.write_text("nothing")
    elif fault == "shape":
        np.savez(samples, images=images[:, 0], class_labels=labels)
    elif fault == "size":
        np.savez(samples, images=images[..., :8, :8], class_labels=labels)
    else:
        samples.unlink()

    assert main([str(samples), str(shards.path), "--out", str(tmp_path / "metrics.json")]) == 1

    error = capsys.readouterr().err
    assert str(samples) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "metrics.json").exists()


def test_a_misspelt_parameter_is_named(samples, shards, tmp_path, capsys):
    (tmp_path / "bad.yml").write_text("evaluation: {num_sampels: 3}")
    arguments = [str(samples), str(shards.path), "--out", str(tmp_path / "metrics.json")]

    assert main([*arguments, "--config", str(tmp_path / "bad.yml")]) == 1
    assert "did you mean 'num_samples'" in capsys.readouterr().err
