"""Whole studies with real worker processes, on objectives of milliseconds."""

import json
import logging
import os
import signal
import threading
import time
from pathlib import Path

import optuna
import pytest

from sagan.training.signals import TrainingInterrupted
from sagan.tuning.run import TuningFailed
from tests.tuning.objectives import always_failing, bowl, failing, killed_once, slow


def worker_pids() -> list[int]:
    """Processes that this one has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] not in "ZX":
            cmdline = (path.parent / "cmdline").read_bytes()
            if b"spawn_main" in cmdline:
                found.append(int(path.parent.name))
    return found


def test_two_processes_share_a_journal_and_a_total(tuned, tmp_path, caplog):
    caplog.set_level(logging.INFO, "sagan.tuning")
    outcome = tuned(workers=2, trials=7)

    trials = outcome.results["trials"]
    assert [trial["number"] for trial in trials] == list(range(7))
    assert {trial["state"] for trial in trials} == {"complete"}
    assert trials[0]["name"] == "default"
    assert trials[0]["parameters"]["generator_lr"] == 0.002
    assert len({trial["parameters"]["generator_lr"] for trial in trials}) == 7
    logs = list((tmp_path / "small" / "workers").glob("*.log"))
    assert len(logs) == 2
    best = min(trials, key=lambda trial: trial["values"]["fd_classifier"])
    assert outcome.results["best"] == [best]
    kept = [path.name for path in (tmp_path / "small").glob("trial-*")]
    assert kept == [f"trial-{best['number']:04d}"]
    assert sum("trial 0: fd_classifier 1 in" in line for line in caplog.messages) == 1


def test_a_study_goes_on_to_a_larger_total_and_no_further(tuned):
    assert len(tuned(trials=2).results["trials"]) == 2
    more = tuned(trials=3).results["trials"]
    assert len(more) == 3
    assert tuned(trials=3).results["trials"] == more
    assert tuned(trials=1).results["trials"] == more


def test_a_killed_workers_trial_is_failed_and_tried_again(tuned, caplog):
    outcome = tuned(killed_once, trials=4)
    trials = outcome.results["trials"]
    assert len(trials) == 4
    assert {trial["state"] for trial in trials} == {"complete"}
    assert [trial["number"] for trial in trials] == [0, 2, 3, 4]  # 2 stands in for 1
    assert "trial 1" in caplog.text or "killed by signal 9" in caplog.text
    assert "worker 0 was killed by signal 9; another takes over" in caplog.messages


def test_failed_trials_are_noted_and_the_study_goes_on(tuned, caplog):
    outcome = tuned(failing, trials=5, failures_in_a_row=4)
    states = [trial["state"] for trial in outcome.results["trials"]]
    assert states == ["complete", "failed", "failed", "failed", "complete"]
    reasons = [trial.get("reason") for trial in outcome.results["trials"]]
    assert "generator" in reasons[1]
    assert reasons[2] == "out of memory on cuda with training.batch_size 512"
    assert reasons[3] == "fd_classifier is nan: the training diverged"
    assert "trial 2 failed: out of memory on cuda with training.batch_size 512" in caplog.messages


def test_several_failures_in_a_row_stop_the_study(tuned, tmp_path):
    with pytest.raises(TuningFailed, match=r"(?s)3 trials failed in a row.*made of cheese"):
        tuned(always_failing, trials=40)
    journal = [json.loads(line) for line in (tmp_path / "journal.log").open()]
    begun = [line for line in journal if line["op_code"] == 4]
    assert len(begun) < 40
    # the same command goes on with what is left, once the reason is mended
    assert tuned(bowl, trials=len(begun) + 1).results["states"]["complete"] >= 1


def after(condition, action) -> threading.Thread:
    """Act once a condition holds, while the main thread is at work."""

    def wait():
        deadline = time.monotonic() + 60
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.02)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_stop_it_saves_and_goes_on(tuned, tmp_path, number, caplog):
    first = tmp_path / "small" / "trial-0000" / "begun"
    asking = after(first.exists, lambda: os.kill(os.getpid(), number))
    with pytest.raises(TrainingInterrupted) as stopped:
        tuned(slow, trials=2)
    asking.join()
    assert stopped.value.code == 75
    assert "stopped, 0 of 2 trials done; the same command goes on" in caplog.text
    assert worker_pids() == []

    trials = tuned(bowl, trials=2).results["trials"]
    assert [trial["number"] for trial in trials] == [0, 1]
    assert trials[0]["name"] == "default"


def test_workers_end_when_whoever_started_them_is_killed(study, training, shards, tmp_path):
    import multiprocessing

    from tests.tuning.objectives import start_slow_study

    process = multiprocessing.get_context("spawn").Process(
        target=start_slow_study, args=(study(trials=50), training(), shards.path, tmp_path)
    )
    process.start()
    killing = after((tmp_path / "small" / "trial-0000" / "begun").exists, process.kill)
    killing.join()
    process.join()
    log = next((tmp_path / "small" / "workers").glob("*.log"))
    gone = "the process that started this one is gone"
    deadline = time.monotonic() + 30
    while gone not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert gone in log.read_text()


def test_a_pruned_trial_takes_no_further_step(tuned, tmp_path):
    outcome = tuned(
        pruner={"type": "median", "startup_trials": 1},
        trials=6,
        keep_checkpoints=True,
        warm_starts={"good": {"generator_lr": 0.001}, "bad": {"generator_lr": 0.009}},
    )
    by_name = {trial["name"]: trial for trial in outcome.results["trials"]}
    assert by_name["good"]["state"] == "complete"
    assert by_name["bad"]["state"] == "pruned"
    assert by_name["bad"]["images_seen"] == 10
    left = sorted(path.name for path in (tmp_path / "small" / "trial-0001").iterdir())
    assert left == ["step-10"]
    assert "1" in by_name["bad"]["scores"]
    assert outcome.results["states"]["pruned"] >= 1


def test_several_objectives_leave_a_front(tuned):
    outcome = tuned(objectives=["fd_classifier", "train_seconds"], trials=4, pruner=None)
    assert outcome.results["objectives"] == {
        "fd_classifier": "minimize",
        "train_seconds": "minimize",
    }
    assert len(outcome.results["best"]) > 1  # what is better here is slower
    assert "Pareto front" in outcome.report


def test_more_of_a_score_is_better_where_it_is(tuned):
    outcome = tuned(objectives=["recall"], protocol=PROTOCOL_WITH_RECALL, trials=3)
    values = [trial["values"]["recall"] for trial in outcome.results["trials"]]
    assert outcome.results["best"][0]["values"]["recall"] == max(values)


def test_no_trial_is_taken_after_the_time_is_over(tuned):
    with pytest.raises(TuningFailed, match="no trial of 'small' came to its end"):
        tuned(timeout_seconds=0.001)


def test_random_trials_are_the_same_for_the_same_seed(tuned, tmp_path):
    def rates(study, seed):
        found = tuned(study=study, trials=3, sampler={"type": "random", "seed": seed}).results
        return [trial["parameters"]["generator_lr"] for trial in found["trials"]]

    assert rates("a", 1) == rates("b", 1) != rates("c", 2)


def test_optunas_own_tools_read_the_storage(tuned, tmp_path):
    tuned(trials=2)
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    found = optuna.load_study(
        study_name="small", storage=optuna.storages.JournalStorage(backend)
    )
    assert len(found.trials) == 2
    assert found.metric_names == ["fd_classifier"]


PROTOCOL_WITH_RECALL = {
    "features": "classifier",
    "classifier": {},
    "neighbours": {},
    "num_samples": 12,
}
