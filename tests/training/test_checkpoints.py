import logging

import pytest
import torch

from sagan.training.checkpoints import CheckpointError, CheckpointStore


@pytest.fixture
def store(tmp_path):
    store = CheckpointStore(tmp_path / "run", keep=2)
    for images_seen in (4, 8, 12):
        store.save({"images_seen": images_seen, "w": torch.full((8,), images_seen)}, images_seen)
    return store


def names(store):
    return sorted(path.name for path in store.path.iterdir())


def test_keeps_the_newest_and_leaves_no_temporary_file(store):
    assert names(store) == [
        "checkpoint-000000000008.json",
        "checkpoint-000000000008.pt",
        "checkpoint-000000000012.json",
        "checkpoint-000000000012.pt",
    ]
    assert store.load_newest()["images_seen"] == 12


def test_an_empty_store_has_nothing_to_load(tmp_path):
    assert CheckpointStore(tmp_path / "run", keep=2).load_newest() is None


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_a_damaged_newest_falls_back_to_the_one_before_and_says_so(store, damage, caplog):
    newest = store.path / "checkpoint-000000000012.pt"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "flip":
        newest.write_bytes(content)
    elif damage == "truncate":
        newest.write_bytes(newest.read_bytes()[:100])
    else:
        newest.unlink()

    with caplog.at_level(logging.WARNING):
        state = store.load_newest()

    assert state["images_seen"] == 8
    assert "checkpoint-000000000012.pt passed over" in caplog.text


def test_all_damaged_lists_each_reason(store):
    for path in store.path.glob("*.pt"):
        path.write_bytes(b"")

    with pytest.raises(CheckpointError, match=r"0012.pt: its sha256.*0008.pt: its sha256"):
        store.load_newest()


def test_a_checkpoint_that_was_never_finished_is_none(store):
    (store.path / "checkpoint-000000000016.pt").write_bytes(b"half")

    assert store.load_newest()["images_seen"] == 12


def test_a_pickle_with_a_payload_is_not_run(store, tmp_path):
    class Payload:
        def __reduce__(self):
            return (tmp_path.joinpath("owned").touch, ())

    store.save({"evil": Payload()}, 16)

    with pytest.raises(Exception, match=r"[Ww]eights"):
        store.load_newest()
    assert not (tmp_path / "owned").exists()
