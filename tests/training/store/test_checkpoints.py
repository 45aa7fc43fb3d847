"""The store: which checkpoints are kept, and which are read."""

import json
import math

import pytest

from sagan.common.files import disk
from sagan.training.store.checkpoint_files import load
from sagan.training.store.checkpoints import CheckpointStore
from tests.training.stored import facts_of, filled, path_of, standing, state


def test_keeps_the_newest_and_leaves_no_temporary_file(store):
    assert standing(store) == [8, 12]
    assert store.load_newest()["images_seen"] == 12


def test_an_empty_store_has_nothing_to_load(tmp_path):
    store = CheckpointStore(tmp_path / "run", keep=2)

    assert store.load_newest() is None
    assert store.load_best() is None


def test_the_best_is_kept_beside_the_last(tmp_path):
    store = filled(tmp_path, 2, {4: 3.0, 8: 1.0, 12: 2.0, 16: 5.0, 20: 4.0})

    assert standing(store) == [8, 16, 20]
    assert store.load_best()["images_seen"] == 8
    assert store.load_newest()["images_seen"] == 20
    assert json.loads(facts_of(store, 8).read_text())["score"] == 1.0


def test_a_better_one_takes_the_place_of_the_best(tmp_path):
    store = filled(tmp_path, 1, {4: 3.0, 8: 5.0, 12: 1.0, 16: None})

    assert standing(store) == [12, 16]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_never_becomes_the_best(tmp_path, score, caplog):
    store = filled(tmp_path, 1, {4: 3.0, 8: score})

    assert store.load_best()["images_seen"] == 4
    assert "score" not in json.loads(facts_of(store, 8).read_text())
    assert f"has the score {score}, which is never chosen as best" in caplog.text


@pytest.mark.parametrize("score", ["NaN", "-Infinity", "[1]"])
def test_a_checkpoint_whose_score_was_tampered_with_is_damaged(tmp_path, score):
    store = filled(tmp_path, 2, {4: 3.0, 8: 1.5})
    facts_of(store, 8).write_text(facts_of(store, 8).read_text().replace("1.5", score))

    assert store.load_best()["images_seen"] == 4
    assert store.load_newest()["images_seen"] == 4


def test_damaged_ones_do_not_count_among_the_last(tmp_path):
    store = filled(tmp_path, 2, {4: None, 8: None})
    path_of(store, 8).write_bytes(b"damaged")

    CheckpointStore(tmp_path, keep=2).save(state(12), 12)

    assert standing(store) == [4, 12]


def test_a_damaged_best_is_not_the_best(tmp_path, caplog):
    store = filled(tmp_path, 2, {4: 1.0, 8: 2.0, 12: 3.0})
    path_of(store, 4).write_bytes(b"damaged")

    assert store.load_best()["images_seen"] == 8
    assert "checkpoint-000000000004.pt skipped" in caplog.text


def test_one_that_is_damaged_while_it_is_written_does_not_push_out_the_good_one(
    tmp_path, monkeypatch
):
    store = filled(tmp_path, 1, {4: None})
    original = disk.replace

    def tear(source, target):
        original(source, target)
        if target.suffix == ".pt":
            target.write_bytes(target.read_bytes()[:-1])

    monkeypatch.setattr(disk, "replace", tear)
    store.save(state(8), 8)

    assert store.load_newest()["images_seen"] == 4


def test_opening_with_a_smaller_keep_removes_nothing(store):
    path_of(store, 12).write_bytes(b"damaged")

    assert CheckpointStore(store.path, keep=1).load_newest()["images_seen"] == 8


def test_going_on_from_an_older_one_makes_that_line_the_newest(tmp_path):
    store = filled(tmp_path, 2, {4: None, 8: None, 12: None, 16: None})

    store.save(state(14), 14)
    assert store.load_newest()["images_seen"] == 14
    store.save(state(15), 15)

    assert standing(store) == [14, 15]


def test_a_reader_whose_checkpoint_is_removed_under_it_takes_the_newer_one(store, monkeypatch):
    reader = CheckpointStore(store.path, keep=2)
    opened = []

    def removed_meanwhile(checkpoint):
        if not opened:  # the reader has listed the folder; now the writer goes on
            store.save(state(16), 16)
            store.save(state(20), 20)
            assert not checkpoint.path.exists()
        opened.append(checkpoint)
        return load(checkpoint)

    monkeypatch.setattr("sagan.training.store.checkpoints.load", removed_meanwhile)

    assert reader.load_newest()["images_seen"] == 20
    assert len(opened) == 2
