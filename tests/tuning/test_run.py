"""Whole studies with real worker processes, on objectives of milliseconds."""

import json
import logging
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from sagan.processes.signals import TrainingInterrupted
from sagan.tuning.run import TuningFailedError
from sagan.tuning.workers.pool import WorkerError
from tests.tuning.objectives import (
    always_failing,
    bowl,
    killed_once,
    leaving,
    slow,
    start_slow_study,
)


def worker_pids() -> list[int]:
    """Worker processes that this one has started and that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            command = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] not in "ZX" and b"spawn_main" in command:
            found.append(int(path.parent.name))
    return found


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


def test_two_processes_share_a_journal_and_a_total(tuned, opened, tmp_path, caplog):
    caplog.set_level(logging.INFO, "sagan.tuning")
    result = tuned(workers=2, trials=7)

    trials = result.results["trials"]
    assert [trial["number"] for trial in trials] == list(range(7))
    assert {trial["state"] for trial in trials} == {"complete"}
    assert trials[0]["name"] == "default"
    assert trials[0]["parameters"]["generator_lr"] == 0.002
    assert len({trial["parameters"]["generator_lr"] for trial in trials}) == 7
    logs = list((tmp_path / "small" / "workers").glob("*.log"))
    assert len(logs) == 2
    best = min(trials, key=lambda trial: trial["values"]["fd_classifier"])
    assert result.results["best"] == [best]
    kept = [path.name for path in (tmp_path / "small").glob("trial-*")]
    assert kept == [f"trial-{best['number']:04d}"]
    assert sum("trial 0: fd_classifier 1 in" in line for line in caplog.messages) == 1

    # nothing is left to do: the same command sums up again
    again = tuned(workers=2, trials=7)
    assert again.results["trials"] == trials
    waits = "points in the queue: 1; tuning.trials=8 tries them too"
    assert waits not in caplog.messages
    opened(workers=2, trials=7)[1].study.enqueue_trial({"generator_lr": 0.004})
    assert tuned(workers=2, trials=7).results["trials"] == trials
    assert waits in caplog.messages


def test_a_killed_workers_trial_is_failed_and_tried_again(tuned, caplog):
    trials = tuned(killed_once, trials=3).results["trials"]
    assert {trial["state"] for trial in trials} == {"complete"}
    assert [trial["number"] for trial in trials] == [0, 2, 3]  # 2 stands in for 1
    assert "worker 0 was killed by signal 9; a new one replaces it" in caplog.messages


def test_a_worker_that_somebody_else_stops_is_replaced(tuned, tmp_path, caplog):
    first = tmp_path / "small" / "trial-0000" / "begun"
    asking = after(first.exists, lambda: os.kill(worker_pids()[0], signal.SIGTERM))
    trials = tuned(slow, trials=1).results["trials"]
    asking.join()
    assert [(trial["number"], trial["state"]) for trial in trials] == [(0, "complete")]
    assert "worker 0 was killed by signal 15; a new one replaces it" in caplog.messages


def test_a_worker_that_ends_by_itself_ends_the_study(tuned):
    with pytest.raises(WorkerError, match=r"a worker ended with status 3; see .*small/workers"):
        tuned(leaving)


def test_several_failures_in_a_row_stop_the_study(tuned, tmp_path):
    with pytest.raises(TuningFailedError, match=r"(?s)3 trials failed in a row.*made of cheese"):
        tuned(always_failing, trials=400)
    journal = [json.loads(line) for line in (tmp_path / "journal.log").open()]
    begun = [line for line in journal if line["op_code"] == 4]
    assert 3 <= len(begun) < 400
    assert worker_pids() == []


def test_asked_to_stop_it_goes_back_into_the_queue(tuned, alone, tmp_path, caplog):
    first = tmp_path / "small" / "trial-0000" / "begun"
    asking = after(first.exists, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(TrainingInterrupted) as stopped:
        tuned(slow, trials=2)
    asking.join()
    assert stopped.value.code == 75
    assert "SIGTERM: stopped, 0 of 2 trials done; the same command continues" in caplog.messages
    assert worker_pids() == []
    assert first.exists()  # with the trial's checkpoints, had it been a training

    trials = alone(bowl, trials=2)["trials"]
    assert [trial["number"] for trial in trials] == [0, 1]
    assert trials[0]["name"] == "default"


def test_workers_end_when_whoever_started_them_is_killed(study, training, shards, tmp_path, alone):
    process = multiprocessing.get_context("spawn").Process(
        target=start_slow_study, args=(study(trials=50), training(), shards.path, tmp_path)
    )
    process.start()
    after((tmp_path / "small" / "trial-0000" / "begun").exists, process.kill).join()
    process.join()
    log = next((tmp_path / "small" / "workers").glob("*.log"))
    gone = "the process that started this one is gone"
    deadline = time.monotonic() + 30
    while gone not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert gone in log.read_text()
