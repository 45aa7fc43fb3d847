"""Trackers, each with the real tool; one that fails never stops a training."""

import logging
import os
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sagan.training.config import TrainingConfig
from sagan.training.monitor import trackers
from sagan.training.monitor.trackers import Trackers, flat

RECORD = {"step": 2, "images_seen": 8, "generator_loss": -0.25, "device": "cpu"}


def record_run(kind: str, folder: Path) -> None:
    """A run that is stopped, and continued to its end."""
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


def test_dvclive_writes_files_that_dvc_plots(folder: Path) -> None:
    record_run("dvclive", folder)
    curve = (folder / "dvclive/plots/metrics/losses/generator.tsv").read_text().split()
    assert curve[2:] == ["2", "-0.25", "4", "0.5"]


def test_wandb_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    record_run("wandb", folder)
    assert list(folder.glob("wandb/offline-run-*/run-abc123.wandb"))


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

    monkeypatch.setitem(trackers._KINDS, "mlflow", Broken)
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
