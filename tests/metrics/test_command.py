import json

import numpy as np
import pytest
import yaml

from sagan.metrics.evaluate_generator import evaluate_generator
from tests.program import program
from tests.small_world import small_bundle

main = program("evaluate")


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


@pytest.fixture
def command(samples, shards, tmp_path):
    return [str(samples), str(shards.path), "--out", str(tmp_path / "metrics.json")]


@pytest.fixture
def no_cuda(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def test_writes_metrics(samples, parameters, shards, workspace, tmp_path):
    out = tmp_path / "out" / "metrics.json"
    arguments = [str(samples), str(shards.path), "--out", str(out), "--config", str(parameters)]

    assert main([*arguments, "--workspace", str(workspace)]) == 0

    metrics = json.loads(out.read_text())
    assert metrics["fd_classifier"] == pytest.approx(0, abs=1e-4)
    assert metrics["protocol"]["samples"]["file"] == "samples.npz"
    assert [path.name for path in out.parent.iterdir()] == ["metrics.json"]


def test_what_a_file_cannot_follow_is_left_out_and_said(
    samples, parameters, shards, workspace, caplog
):
    """The pipeline's own parameters ask for one; a file cannot be drawn from again."""
    text = parameters.read_text().replace("  weights: null\n", "  weights: raw\n")
    parameters.write_text(text + "  sweep: {truncations: [0.5]}\n")
    out = parameters.parent / "metrics.json"
    arguments = [str(samples), str(shards.path), "--out", str(out), "--config", str(parameters)]

    with caplog.at_level("INFO"):
        assert main([*arguments, "--workspace", str(workspace)]) == 0

    assert "no truncation curve" in caplog.text
    assert "weights: raw: not known of samples" in caplog.text
    assert "truncation_sweep" not in json.loads(out.read_text())["details"]


def test_measures_a_generator_as_the_pipeline_does(parameters, config, shards, workspace, tmp_path):
    both = small_bundle(tmp_path / "both", averaged=True)
    out = tmp_path / "metrics.json"
    arguments = [str(both.path), str(shards.path), "--out", str(out), "--config", str(parameters)]
    arguments += ["--workspace", str(workspace), "--device", "cpu"]

    assert main([*arguments, "--weights", "raw"]) == 0

    asked = config.model_copy(update={"weights": "raw", "device": "cpu"})
    expected = evaluate_generator(both, shards, asked, workspace)
    assert json.loads(out.read_text()) == json.loads(json.dumps(expected))
    assert expected["protocol"]["samples"]["generator"]["weights"] == "raw"


def test_quick_of_a_configuration_is_followed(shards, parameters, workspace, tmp_path, capsys):
    settings = yaml.safe_load(parameters.read_text())["evaluation"]
    parameters.write_text(yaml.safe_dump({"evaluation": settings | {"protocol": "quick"}}))
    out = tmp_path / "metrics.json"
    arguments = [
        str(small_bundle(tmp_path / "generator").path),
        str(shards.path),
        "--out",
        str(out),
    ]
    arguments += ["--config", str(parameters), "--workspace", str(workspace)]

    assert main([*arguments, "--set", "num_samples=5"]) == 1
    assert "protocol=quick sets num_samples itself" in capsys.readouterr().err
    assert main(arguments) == 0

    protocol = json.loads(out.read_text())["protocol"]
    assert (protocol["name"], protocol["samples"]["count"]) == ("quick", 1000)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--weights", "raw"], "is not a bundle's folder"),
        (["--device", "gpu"], "device: expected auto, cpu, cuda"),
        (["--device", "cuda"], "torch sees no CUDA device"),
    ],
)
@pytest.mark.usefixtures("no_cuda")
def test_a_wrong_option_is_one_line(command, capsys, extra, message):
    assert main([*command, *extra]) == 1

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "fault", ["pickle", "text", "shape", "size", "missing", "label", "label type"]
)
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
    elif fault == "label":
        np.savez(samples, images=images, class_labels=labels + 3)
    elif fault == "label type":
        np.savez(samples, images=images, class_labels=labels + 0.5)
    else:
        samples.unlink()

    assert main([str(samples), str(shards.path), "--out", str(tmp_path / "metrics.json")]) == 1

    error = capsys.readouterr().err
    assert str(samples) in error
    assert error.count("\n") == 1
    assert not (tmp_path / "metrics.json").exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [(".", "is a folder; name a file"), ("file/x.json", "is in the place of this folder")],
)
def test_a_place_where_nothing_can_be_written_is_refused_before_the_work(
    tmp_path, capsys, monkeypatch, place, said
):
    monkeypatch.setattr("sagan.commands.evaluate._measured", pytest.fail)
    (tmp_path / "file").write_text("mine")
    assert main([str(tmp_path), str(tmp_path), "--out", str(tmp_path / place)]) == 1
    assert said in capsys.readouterr().err


def test_a_misspelt_parameter_is_named(samples, shards, tmp_path, capsys):
    (tmp_path / "bad.yml").write_text("evaluation: {num_sampels: 3}")
    arguments = [str(samples), str(shards.path), "--out", str(tmp_path / "metrics.json")]

    assert main([*arguments, "--config", str(tmp_path / "bad.yml")]) == 1
    assert "did you mean 'num_samples'" in capsys.readouterr().err
