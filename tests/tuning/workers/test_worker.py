"""One worker, in this process: what comes of its trials."""

import optuna
import pytest

from sagan.processes.signals import EXIT_GPU_LOST, StopRequest, TrainingInterrupted
from sagan.tuning.results import study_results
from sagan.tuning.storage.location import StorageError
from sagan.tuning.workers.worker import Worker
from tests.small_world import PROTOCOL
from tests.tuning.objectives import bowl, failing, losing_the_gpu


def test_a_study_goes_on_to_a_larger_total_and_no_further(alone):
    assert len(alone(trials=2)["trials"]) == 2
    more = alone(trials=3)["trials"]
    assert len(more) == 3
    assert alone(trials=3)["trials"] == more
    assert alone(trials=1)["trials"] == more


def test_failed_trials_are_noted_and_the_study_goes_on(alone):
    trials = alone(failing, trials=5)["trials"]
    states = [trial["state"] for trial in trials]
    assert states == ["complete", "failed", "failed", "failed", "complete"]
    reasons = [trial.get("reason") for trial in trials]
    assert "generator" in reasons[1]
    assert reasons[2] == "out of memory on cuda with training.batch_size 512"
    assert reasons[3] == "fd_classifier is nan: the training diverged"


def test_a_lost_gpu_fails_its_trial_and_ends_the_worker(alone):
    with pytest.raises(SystemExit) as ended:
        alone(losing_the_gpu, trials=3)
    assert ended.value.code == EXIT_GPU_LOST
    states = [trial["state"] for trial in alone(trials=3)["trials"]]
    assert states == ["complete", "failed", "complete"]


def test_parameters_that_do_not_go_together_fail_their_trial_alone(alone):
    trials = alone(
        trials=2,
        base={"batch_size": 10, "images_per_pass": 5},
        search_space={
            "batch_size": {"type": "categorical", "choices": [5, 10]},
            "images_per_pass": {"type": "categorical", "choices": [2, 5]},
        },
        warm_starts={"odd": {"batch_size": 5, "images_per_pass": 2}, "default": {}},
        objective=lambda context: {"fd_classifier": context.training.images_per_pass},
    )["trials"]
    assert [trial["state"] for trial in trials] == ["failed", "complete"]
    assert trials[0]["reason"] == (
        "training: images_per_pass 2 does not divide the 5 images that a process takes of "
        "batch_size 5"
    )
    assert trials[1]["values"] == {"fd_classifier": 5}


def test_a_pruned_trial_takes_no_further_step(alone, tmp_path):
    found = alone(
        pruner={"type": "median", "startup_trials": 1},
        trials=2,
        keep_checkpoints=True,
        warm_starts={"good": {"generator_lr": 0.001}, "bad": {"generator_lr": 0.009}},
    )
    good, bad = found["trials"]
    assert (good["name"], good["state"]) == ("good", "complete")
    assert (bad["name"], bad["state"]) == ("bad", "pruned")
    assert bad["images_seen"] == 10
    assert list(bad["scores"]) == ["1"]
    left = [path.name for path in (tmp_path / "small" / "trial-0001").iterdir()]
    assert left == ["step-10"]
    assert found["states"] == {"complete": 1, "pruned": 1, "failed": 0}


def test_a_score_that_is_not_finite_fails_the_trial(alone):
    def diverging(context):
        context.report(10, float("inf") if context.number else 1.0)
        return {"fd_classifier": 1.0}

    trials = alone(diverging, trials=2, pruner={"startup_trials": 1})["trials"]
    assert trials[1]["reason"] == "fd_classifier is inf: the training diverged"


def test_several_objectives_leave_a_front(alone):
    found = alone(objectives=["fd_classifier", "train_seconds"], trials=4)
    assert found["objectives"] == {"fd_classifier": "minimize", "train_seconds": "minimize"}
    assert len(found["best"]) == 4  # what is better here is slower
    values = [trial["values"]["fd_classifier"] for trial in found["best"]]
    assert values == sorted(values)


def test_more_of_a_score_is_better_where_it_is(alone):
    found = alone(objectives=["recall"], evaluation=PROTOCOL | {"neighbours": {}}, trials=3)
    values = [trial["values"]["recall"] for trial in found["trials"]]
    assert found["best"][0]["values"]["recall"] == max(values)


def test_no_trial_is_taken_after_the_time_is_over(opened):
    spec, queue = opened()
    Worker(spec, deadline=1.0).work(StopRequest())
    assert [trial.state.name for trial in queue.trials()] == ["WAITING"]


@pytest.mark.parametrize("sampler", ["random", "tpe", "qmc", "nsgaii"])
def test_trials_are_the_same_for_the_same_seed(alone, sampler):
    def rates(study, seed):
        settings = {"type": sampler, "seed": seed, "startup_trials": 2}
        found = alone(study=study, trials=4, sampler=settings)
        return [trial["parameters"]["generator_lr"] for trial in found["trials"]]

    assert rates("a", 1) == rates("b", 1) != rates("c", 2)


def test_only_the_best_trial_and_unfinished_ones_keep_their_folders(alone, opened, tmp_path):
    alone(trials=3)
    spec, queue = opened(trials=5)
    stopped = queue.claim()
    spec.trial_folder(stopped.number).mkdir()
    queue.put_back(stopped)
    best = study_results(spec, queue)["best"][0]["number"]
    Worker(spec)._remove_folders()
    kept = {path.name for path in spec.folder.glob("trial-*")}
    assert kept == {f"trial-{best:04d}", f"trial-{stopped.number:04d}"}


def test_a_stop_while_a_trial_is_taken_leaves_it_in_the_queue(opened):
    stop = StopRequest()

    def objective(context):
        raise AssertionError("must not begin")

    spec, queue = opened(objective)
    worker = Worker(spec)
    claim = worker.queue.claim

    def claim_amid_a_signal():
        trial = claim()
        stop.receive(15, None)
        return trial

    worker.queue.claim = claim_amid_a_signal
    with pytest.raises(TrainingInterrupted):
        worker.work(stop)
    assert [trial.state.name for trial in queue.trials()] == ["WAITING"]


def test_trouble_with_the_storage_is_not_the_trials_fault(opened, alone):
    def objective(context):
        raise StorageError("tuning.storage: the server went away")

    spec, queue = opened(objective, trials=2)
    with pytest.raises(StorageError, match="went away"):
        Worker(spec).work(StopRequest())
    assert queue.trials()[0].state.name == "RUNNING"
    assert queue.trials()[0].user_attrs.get("error") is None


def test_optunas_own_tools_read_the_storage(alone, tmp_path):
    alone(bowl, trials=2)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    found = optuna.load_study(study_name="small", storage=optuna.storages.JournalStorage(backend))
    assert len(found.trials) == 2
    assert found.metric_names == ["fd_classifier"]
