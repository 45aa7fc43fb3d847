"""Trials that are real trainings, of seconds."""

import json

import pytest
from optuna.artifacts import get_all_artifact_meta
from PIL import Image

from sagan.processes.signals import StopRequest
from sagan.tuning.objective import train_trial
from sagan.tuning.run import TuningFailedError
from sagan.tuning.workers.worker import Worker


def test_trials_train_and_a_worse_one_stops_early(opened, monkeypatch):
    scores = iter([3.0, 2.0, 9.0])  # the second trial's first score is the last one asked for
    monkeypatch.setattr(
        "sagan.metrics.evaluate_generator.evaluate_generator",
        lambda *_, **__: {"fd_classifier": next(scores), "recall": 0.5},
    )
    spec, queue = opened(
        train_trial,
        trials=2,
        pruner={"type": "median", "startup_trials": 1},
        training={"total_images": 20},
        keep_checkpoints=True,
    )
    Worker(spec).work(StopRequest())

    first, second = queue.trials()
    assert first.state.name == "COMPLETE"
    assert first.values == [2.0]
    assert first.intermediate_values == {1: 3.0, 2: 2.0}
    numbers = first.user_attrs["numbers"]
    assert numbers["recall"] == 0.5
    assert numbers["train_seconds"] > 0
    assert numbers["parameters"] > 1000
    run = next(spec.trial_folder(0).glob("*/summary.json")).parent
    identity = json.loads((run / "identity.json").read_text())
    assert identity["parameters"]["generator_lr"] == 0.002
    assert (run / "generator" / "config.json").is_file()

    (grid,) = get_all_artifact_meta(study_or_trial=first, storage=queue.study._storage)
    assert (grid.filename, grid.mimetype) == ("sample_grid.png", "image/png")
    with Image.open(spec.workspace / "artifacts" / grid.artifact_id) as picture:
        assert picture.width > 5 * 64

    assert second.state.name == "PRUNED"
    assert not get_all_artifact_meta(study_or_trial=second, storage=queue.study._storage)
    journal = next(spec.trial_folder(1).glob("*/journal.jsonl")).read_text().splitlines()
    assert max(json.loads(line)["images_seen"] for line in journal) == 10


def test_labels_in_other_frequencies_are_told_by_the_study_itself(tuned, monkeypatch, caplog):
    monkeypatch.setattr(
        "sagan.metrics.class_labels.expected_warnings",
        lambda config, shards: [f"{config.labels} {shards.num_classes}"],
    )
    monkeypatch.setattr("sagan.metrics.features.references.cache_references", lambda *_, **__: None)
    monkeypatch.setattr("sagan.tuning.run._work", lambda *_: None)
    with pytest.raises(TuningFailedError, match="no trial"):
        tuned(objective=None)
    assert "tuning: reference " in caplog.text


def test_a_trial_stopped_amid_training_goes_on_from_its_checkpoint(opened, monkeypatch):
    from sagan.processes.signals import TrainingInterrupted
    from sagan.training import run

    spec, queue = opened(
        train_trial,
        trials=1,
        training={"total_images": 20, "checkpoint_every_images": 10},
        search_space={"generator_lr": {"type": "float", "low": 1e-4, "high": 0.01}},
    )
    worker = Worker(spec)
    note = worker.queue.note

    def interrupted(trial, name, value):
        note(trial, name, value)
        if value == 10:
            raise TrainingInterrupted

    monkeypatch.setattr(worker.queue, "note", interrupted)
    with pytest.raises(TrainingInterrupted):
        worker.work(StopRequest())
    assert [trial.state.name for trial in queue.trials()] == ["WAITING"]

    steps = []
    loop = run.training_loop
    monkeypatch.setattr(
        run,
        "training_loop",
        lambda state, *rest: (steps.append(state.images_seen), loop(state, *rest))[1],
    )
    Worker(spec).work(StopRequest())
    assert steps == [10]
    trial = queue.trials()[0]
    assert (trial.number, trial.state.name) == (0, "COMPLETE")
