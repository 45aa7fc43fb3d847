"""Who works on which trial: the count, killed workers, stopped ones."""

import os
import subprocess
import sys
import threading

import pytest
from optuna.trial import TrialState

from sagan.tuning.storage.location import open_storage
from sagan.tuning.workers import process_names as processes
from sagan.tuning.workers.process_names import has_died, machine, this_process
from sagan.tuning.workers.trial_queue import (
    WORKER,
    TrialQueue,
    counted,
    failure_reason,
    finished,
)

STORAGES = ["journal", "sqlite"]


@pytest.fixture
def queue(opened, tmp_path):
    def build(storage="journal", **changes) -> TrialQueue:
        name = None if storage == "journal" else f"sqlite:///{tmp_path}/study.db"
        return opened(storage=name, **changes)[1]

    return build


def states(queue) -> list[str]:
    return [trial.state.name for trial in queue.trials()]


def dead_process() -> str:
    """The name of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    started = processes._started(child.pid)
    child.wait()
    return f"{machine()}:{child.pid}:{started}"


def kill(queue, trial) -> None:
    """As if the trial's worker had been killed."""
    trial.set_user_attr(WORKER, dead_process())


def test_processes_are_known_by_name():
    assert not has_died(this_process())
    assert has_died(dead_process())
    assert has_died(f"{machine()}:{os.getpid()}:1")  # its number was given to this one since
    assert not has_died(f"elsewhere:{os.getpid()}:1")  # nobody can know


@pytest.mark.parametrize("storage", STORAGES)
def test_no_more_trials_are_taken_than_the_study_has(queue, storage):
    held = queue(storage, trials=3)
    taken = [held.claim() for _ in range(5)]
    assert [trial and trial.number for trial in taken] == [0, 1, 2, None, None]
    held.complete(taken[0], [1.0])
    held.prune(taken[1])
    held.fail(taken[2], "no luck")
    assert held.claim() is None
    assert states(held) == ["COMPLETE", "PRUNED", "FAIL"]
    assert len(finished(held.trials())) == 3


def test_many_claim_at_once_and_the_count_is_right(queue, study, training, opened):
    held = queue(trials=6)
    taken, failures = [], []

    def work(own):
        try:
            while (trial := own.claim()) is not None:
                taken.append(trial.number)
                own.complete(trial, [1.0])
        except Exception as error:
            failures.append(error)

    others = [opened(trials=6)[1] for _ in range(3)]
    threads = [threading.Thread(target=work, args=(own,)) for own in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(taken) == list(range(6))
    assert states(held) == ["COMPLETE"] * 6


@pytest.mark.parametrize("storage", STORAGES)
def test_a_killed_workers_trial_is_failed_and_its_replacement_counts(queue, storage):
    held = queue(storage, trials=2)
    first = held.claim()
    params = dict(first.params)
    kill(held, first)
    again = held.claim()
    assert states(held) == ["FAIL", "RUNNING"]
    assert (again.number, again.params) == (1, params)
    assert again.user_attrs["origin"] == 0
    assert again.user_attrs["name"] == "default"
    held.complete(again, [1.0])
    assert held.claim().number == 2
    assert held.claim() is None
    assert [trial.number for trial in counted(held.trials())] == [1, 2]


def test_retries_end(queue):
    held = queue(trials=1, retries=2)
    for number in range(3):
        trial = held.claim()
        assert trial.number == number
        assert trial.user_attrs.get("origin", 0) == 0
        kill(held, trial)
    assert held.claim() is None
    assert states(held) == ["FAIL"] * 3
    assert len(finished(held.trials())) == 1


def test_a_trial_killed_between_being_taken_and_known_is_found(queue):
    held = queue(trials=1)
    held.study.ask()  # by a process that died before it wrote its name
    assert held.claim().number == 1
    assert states(held) == ["FAIL", "RUNNING"]


def test_a_failure_is_not_tried_again(queue):
    held = queue(trials=2)
    held.fail(held.claim(), "no luck")
    assert held.claim().number == 1
    assert held.claim() is None


@pytest.mark.parametrize("storage", STORAGES)
def test_a_stopped_trial_keeps_its_number_and_values(queue, storage):
    held = queue(storage, trials=2)
    held.complete(held.claim(), [1.0])
    trial = held.claim()
    params = dict(trial.params)
    trial.set_user_attr("note", 7)
    held.put_back(trial)
    assert states(held) == ["COMPLETE", "WAITING"]
    again = held.claim()
    assert (again.number, again.params, again.user_attrs["note"]) == (1, params, 7)
    held.complete(again, [2.0])
    assert held.claim() is None


@pytest.mark.parametrize("storage", STORAGES)
def test_a_silent_trial_of_another_machine_is_given_up(queue, storage, tmp_path):
    held = queue(storage, trials=1, heartbeat_seconds=5)
    trial = held.claim()
    trial.set_user_attr(WORKER, "elsewhere:1:1")
    assert held.claim() is None
    assert states(held) == ["RUNNING"]  # it may yet live
    silence(held, trial, tmp_path)
    again = held.claim()
    assert states(held) == ["FAIL", "RUNNING"]
    assert again.params == trial.params
    held.put_back(trial)  # the other machine wakes up: it is told, and nothing breaks
    held.complete(trial, [1.0])
    assert states(held) == ["FAIL", "RUNNING"]


def silence(queue, trial, tmp_path):
    """Its last sign of life was an hour ago."""
    if not queue.location.is_sqlite:
        os.utime(tmp_path / "journal.log.alive" / str(trial._trial_id), (1.0, 1.0))
        return
    from sqlalchemy import text

    from sagan.tuning.storage.location import engine_of

    with engine_of(queue.study._storage).begin() as connection:
        connection.execute(text("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'"))


def test_a_sign_of_life_is_given_when_a_trial_is_taken(queue, study):
    held = queue("sqlite", trials=1)
    held.claim()
    held.recover()
    assert states(held) == ["RUNNING"]
    assert held.running() == 1
    assert held.left() == 1


def test_trials_in_the_queue_come_before_new_ones(queue):
    held = queue(trials=3, warm_starts={"default": {}, "fast": {"generator_lr": 0.009}})
    assert held.claim().user_attrs["name"] == "default"
    fast = held.claim()
    assert (fast.user_attrs["name"], fast.params["generator_lr"]) == ("fast", 0.009)
    assert held.claim().user_attrs.get("name") is None
    assert [t.state for t in held.trials()] == [TrialState.RUNNING] * 3


@pytest.mark.parametrize("storage", STORAGES)
def test_queued_points_outside_of_the_space_fail_with_their_reason(queue, storage):
    attention = "model.generator.attention_resolutions"
    held = queue(storage, trials=6)
    held.complete(held.claim(), [1.0])
    for point in (
        {attention: "[4]"},  # for which Optuna raises, in every worker
        {"generator_lr": 0.5},
        {"generater_lr": 0.002},
        {attention: "[8]", "generator_lr": 0.003},
    ):
        held.study.enqueue_trial(point)
    trial = held.claim()
    assert (trial.number, trial.params[attention]) == (4, "[8]")
    assert trial.params["generator_lr"] == 0.003
    assert states(held) == ["COMPLETE", *["FAIL"] * 3, "RUNNING"]
    reasons = [failure_reason(failed) for failed in held.trials()[1:4]]
    assert "'[4]' is none of the choices" in reasons[0]
    assert "generator_lr: 0.5 lies outside of 0.0001 .. 0.01" in reasons[1]
    assert "not searched: 'generater_lr'; did you mean 'generator_lr'?" in reasons[2]
    assert held.claim().number == 5  # failures are not tried again
    assert held.claim() is None


def test_another_process_sees_the_same(queue, study):
    held = queue("sqlite", trials=2)
    held.complete(held.claim(), [1.0])
    import optuna

    storage = open_storage(held.location, 5)
    other = optuna.load_study(study_name="small", storage=storage)
    assert [trial.state.name for trial in other.trials] == ["COMPLETE"]
