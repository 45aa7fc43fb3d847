"""Trackers, each with the real tool; one that fails never stops a training."""

import json
import logging
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.training.config import TrainingConfig
from sagan.training.monitor import trackers
from sagan.training.monitor.outcome import Outcome, send_outcome
from sagan.training.monitor.trackers import Trackers, flat
from tests.small_world import small_bundle

RECORD = {"step": 2, "images_seen": 8, "generator_loss": -0.25, "device": "cpu"}


def record_run(kind: str, folder: Path) -> None:
    """A run that is stopped, continued to its end, and evaluated twice."""
    if "SAGAN_REQUIRE_ALL" not in os.environ:
        pytest.importorskip(kind)
    config = TrainingConfig(trackers=(kind,), run_name="first try")
    stopped = Trackers(config, folder, purge_step=1)
    stopped.scalars(RECORD, 2)
    stopped.close(complete=False)
    ended = Trackers(config, folder, purge_step=3)
    ended.scalars(RECORD | {"generator_loss": 0.5}, 4)
    ended.images("fixed_latents", torch.zeros(4, 1, 8, 8, dtype=torch.uint8), 4, columns=2)
    ended.scores({"fd_classifier": 3.5}, 4)
    ended.close(complete=True)
    (folder / "summary.json").write_text(json.dumps({"steps": 4}))
    first = outcome(folder)
    second = replace(first, parameters={"sampling": {"samples_per_class": 4}})
    for one in (first, second):
        send_outcome(config, folder.parent, one)


def outcome(folder: Path) -> Outcome:
    bundle = small_bundle(folder / "generator")
    content = json.loads((bundle.path / "config.json").read_text())
    content["facts"]["fingerprint"] = {"run": folder.name, "run_name": "first try"}
    (bundle.path / "config.json").write_text(json.dumps(content))
    return Outcome(
        bundle=GeneratorBundle.open(bundle.path),
        parameters={"sampling": {"samples_per_class": 2}},
        metrics={"fd_classifier": 2.5, "protocol": {"name": "digits"}},
        pictures={"sample_grid": np.full((70, 90, 3), 200, np.uint8)},
        trained=True,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "abc123").mkdir()
    return tmp_path / "abc123"


def test_mlflow_on_sqlite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    record_run("mlflow", folder)
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder.parent / 'mlflow.db'}")
    (run,) = client.search_runs([client.get_experiment_by_name("sagan").experiment_id])
    assert run.info.run_name == "first try"
    assert run.data.params["model.generator.base_channels"] == "64"
    assert run.data.metrics["score/fd_classifier"] == 3.5
    history = client.get_metric_history(run.info.run_id, "losses/generator")
    assert [(one.step, one.value) for one in history] == [(2, -0.25), (4, 0.5)]
    assert client.list_artifacts(run.info.run_id, "fixed_latents")
    # of the evaluation
    assert run.data.metrics["evaluation/fd_classifier"] == 2.5
    assert run.data.params["sampling.samples_per_class"] == "2"
    assert run.data.tags["sampling.samples_per_class"] == "4"
    kept = folder.parent / "mlflow" / run.info.run_id / "artifacts"
    assert json.loads((kept / "metrics.json").read_text())["protocol"]
    assert (kept / "sample_grid/00000004.png").is_file()
    assert GeneratorBundle.open(kept / "generator").load()


def test_dvclive_writes_files_that_dvc_plots(folder: Path) -> None:
    record_run("dvclive", folder)
    curve = (folder / "dvclive/plots/metrics/losses/generator.tsv").read_text().split()
    assert curve[2:] == ["2", "-0.25", "4", "0.5"]
    assert json.loads((folder / "dvclive/metrics.json").read_text())["evaluation"] == {
        "fd_classifier": 2.5
    }
    parameters = (folder / "dvclive/params.yaml").read_text()
    assert "sampling.samples_per_class: 4" in parameters
    assert "batch_size: 64" in parameters
    assert (folder / "dvclive/plots/images/sample_grid/00000004.png").is_file()


def records(file: Path) -> bytes:
    """What W&B's file has: parts with a header of 7 bytes, in blocks of 32 KiB."""
    content, place, parts = file.read_bytes(), 7, []
    while place < len(content):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        end = place + 7 + int.from_bytes(content[place + 4 : place + 6], "little")
        parts.append(content[place + 7 : end])
        place = end
    return b"".join(parts)


def test_wandb_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(folder.parent / name.lower()))
    record_run("wandb", folder)
    import wandb

    wandb.teardown()  # waits until its service has written the files, which `finish` does not
    files = list(folder.glob("wandb/offline-run-*/run-abc123.wandb"))
    assert len(files) == 4  # one a start; `wandb sync` joins them
    sent = ("evaluation/fd_classifier", "generator-abc123", "metrics-abc123")
    for word in (*sent, "sampling.samples_per_class"):
        assert sum(word.encode() in records(path) for path in files) == 2
    assert list(folder.glob("wandb/offline-run-*/files/media/images/sample_grid_*.png"))


def test_tensorboard_has_the_parameters_with_the_scores(folder: Path) -> None:
    opened = Trackers(TrainingConfig(), folder, purge_step=1)
    opened.scores({"fd_classifier": 3.5}, 4)
    opened.close(complete=True)
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    assert "_hparams_/experiment" in events.summary_metadata


def test_one_that_fails_is_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing = {"at": ""}

    class Broken:
        def __init__(self, *_: object) -> None:
            if failing["at"] == "start":
                raise ConnectionError("no server")

        def scalars(self, *_: object) -> None:
            raise ConnectionError("no server")

    monkeypatch.setitem(trackers.KINDS, "mlflow", Broken)
    config = TrainingConfig(trackers=("mlflow",), tensorboard=False)
    for when in ("start", "later"):
        failing["at"] = when
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            opened = Trackers(config, folder, purge_step=1)
            opened.scalars(RECORD, 2)
            opened.scalars(RECORD, 3)
            opened.close(complete=True)
        (line,) = caplog.messages
        assert "mlflow" in line
        assert "no server" in line


def test_parameters_are_flat() -> None:
    assert flat({"a": {"b": 1, "c": [1, 2]}, "d": None}) == {"a.b": 1, "a.c": "[1, 2]", "d": "None"}


def test_of_a_run_whose_folder_is_gone_nothing_is_sent(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = TrainingConfig(trackers=("mlflow", "dvclive"))
    with caplog.at_level(logging.WARNING):
        send_outcome(config, folder.parent, outcome(folder))
    (line,) = caplog.messages
    assert "nothing is sent to mlflow, dvclive" in line
    assert [path.name for path in folder.iterdir()] == ["generator"]
