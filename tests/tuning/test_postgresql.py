"""A study on a real PostgreSQL server: several processes, a killed one, a wrong password."""

import os

import optuna
import pytest

from sagan.tuning.storage.location import StorageError, StorageLocation, open_storage
from tests.tuning.objectives import bowl, killed_once
from tests.tuning.postgresql import NotInstalledError, server

PASSWORD = "s3cret"


@pytest.fixture(scope="module")
def url():
    try:
        with server(password=PASSWORD) as started:
            yield started
    except NotInstalledError as missing:
        if os.environ.get("SAGAN_REQUIRE_ALL"):
            raise
        pytest.skip(f"PostgreSQL: {missing}")


def test_processes_share_a_study_and_a_killed_ones_trial_is_tried_again(
    url, tuned, monkeypatch, caplog, tmp_path
):
    monkeypatch.setenv("TUNING_STORAGE", url)
    results = tuned(killed_once, workers=2, trials=5, storage="env:TUNING_STORAGE").results

    trials = results["trials"]
    assert len(trials) == 5
    assert {trial["state"] for trial in trials} == {"complete"}
    assert 1 not in [trial["number"] for trial in trials]
    storage = open_storage(StorageLocation.of(url, tmp_path), 5)
    study = optuna.load_study(study_name="small", storage=storage)
    assert study.trials[1].state.name == "FAIL"
    assert len(study.trials) == 6
    assert PASSWORD not in caplog.text
    assert PASSWORD not in str(results)
    assert results["storage"].startswith("postgresql+psycopg://tuner:***@127.0.0.1:")


def test_a_study_goes_on_with_the_right_count(url, alone):
    assert len(alone(bowl, storage=url, study="on", trials=2)["trials"]) == 2
    assert len(alone(bowl, storage=url, study="on", trials=3)["trials"]) == 3


def test_a_stopped_trial_goes_back_and_a_silent_one_is_given_up(url, opened):
    from sqlalchemy import text

    from sagan.tuning.storage.location import engine_of
    from sagan.tuning.workers.trial_queue import WORKER

    _, queue = opened(storage=url, study="given_up", trials=1)
    queue.put_back(queue.claim())
    trial = queue.claim()
    assert trial.number == 0
    trial.set_user_attr(WORKER, "elsewhere:1:1")
    assert queue.claim() is None
    with engine_of(queue.study._storage).begin() as connection:
        connection.execute(
            text("UPDATE trial_heartbeats SET heartbeat = '2020-01-01' WHERE trial_id = :id"),
            {"id": trial._trial_id},
        )
    assert queue.claim().number == 1


def test_a_wrong_password_is_told_without_it(url, tmp_path):
    wrong = url.replace(PASSWORD, "gu3ssed")
    with pytest.raises(StorageError, match="password authentication failed") as refused:
        open_storage(StorageLocation.of(wrong, tmp_path), 5)
    assert "gu3ssed" not in str(refused.value)


def test_a_database_that_is_not_there_is_named(url, tmp_path):
    with pytest.raises(StorageError, match='database "nowhere" does not exist'):
        open_storage(StorageLocation.of(url.replace("/postgres", "/nowhere"), tmp_path), 5)
