"""Damaged checkpoints: told apart, passed over, never run."""

import json
import logging
import os
import re

import pytest
import torch

from sagan.common.files import file_sha256
from sagan.training.store.checkpoints import CheckpointError
from tests.training.stored import Payload, facts_of, filled, path_of, standing, state


def flip(store):
    content = bytearray(path_of(store, 12).read_bytes())
    content[len(content) // 2] ^= 1
    path_of(store, 12).write_bytes(content)


def sign(store, content):
    """Another file under a checksum that holds."""
    torch.save(content, path_of(store, 12))
    written = {
        "sha256": file_sha256(path_of(store, 12)),
        "bytes": path_of(store, 12).stat().st_size,
    }
    facts = json.loads(facts_of(store, 12).read_text()) | written
    facts_of(store, 12).write_text(json.dumps(facts))


DAMAGES = {
    "flipped": (flip, r"its sha256 is not \w{12}\.\.\."),
    "truncated": (
        lambda store: os.truncate(path_of(store, 12), 100),
        r"its sha256 is not \w{12}\.\.\., it has 100 of [\d,]+ bytes",
    ),
    "emptied": (lambda store: os.truncate(path_of(store, 12), 0), "it has 0 of"),
    "missing": (lambda store: path_of(store, 12).unlink(), "it cannot be read .*No such file"),
    "a folder": (
        lambda store: (path_of(store, 12).unlink(), path_of(store, 12).mkdir()),
        r"it cannot be read \(Is a directory\)",
    ),
    "empty json": (
        lambda store: facts_of(store, 12).write_text(""),
        r"its \.json cannot be used",
    ),
    "torn json": (
        lambda store: os.truncate(facts_of(store, 12), 20),
        r"its \.json cannot be used",
    ),
    "binary json": (
        lambda store: facts_of(store, 12).write_bytes(b"\xff\x00\xfe" * 9),
        r"its \.json cannot be used",
    ),
    "list in json": (
        lambda store: facts_of(store, 12).write_text("[1]"),
        r"its \.json cannot be used",
    ),
    "nested json": (
        lambda store: facts_of(store, 12).write_text("[" * 200_000),
        r"its \.json cannot be used",
    ),
    "no checksum": (
        lambda store: facts_of(store, 12).write_text("{}"),
        r"its \.json cannot be used",
    ),
    "number for a checksum": (
        lambda store: facts_of(store, 12).write_text('{"sha256": 7}'),
        r"its \.json cannot be used",
    ),
    "a pickle with a payload": (
        lambda store: sign(store, {"evil": Payload(store.path.parent / "owned")}),
        r"torch\.load\(weights_only=True\) refuses it \(UnpicklingError\)",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_falls_back_to_the_one_before_and_says_so(store, damage, caplog):
    harm, reason = DAMAGES[damage]
    harm(store)

    with caplog.at_level(logging.WARNING):
        state = store.load_newest()

    assert state["images_seen"] == 8
    (message,) = [r.getMessage() for r in caplog.records if "skipped: " in r.getMessage()]
    assert message.startswith(f"damaged checkpoint {path_of(store, 12)} skipped: ")
    assert re.search(reason, message)
    assert not (store.path.parent / "owned").exists()


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "a folder"])
def test_training_goes_on_over_a_damaged_newest(store, damage):
    DAMAGES[damage][0](store)
    store.load_newest()

    store.save(state(12), 12)
    assert store.load_newest()["images_seen"] == 12
    store.save(state(16), 16)

    assert standing(store) == [12, 16]


def test_all_damaged_lists_each_reason(tmp_path):
    store = filled(tmp_path, 3, {4: None, 8: None, 12: None})
    path_of(store, 4).unlink()
    facts_of(store, 8).write_text("[]")
    flip(store)

    with pytest.raises(CheckpointError) as raised:
        store.load_newest()

    text = str(raised.value)
    assert f"no checkpoint in {tmp_path} can be used" in text
    assert "0004.pt: it cannot be read (No such file or directory)" in text
    assert "0008.pt: its .json cannot be used" in text
    assert "0012.pt: its sha256 is not" in text
    assert "delete the folder to train from scratch" in text


def test_torchs_advice_to_load_a_refused_file_anyway_is_not_passed_on(store, caplog):
    DAMAGES["a pickle with a payload"][0](store)

    store.load_newest()

    assert "weights_only=False" not in caplog.text
    assert "add_safe_globals" not in caplog.text


def test_out_of_memory_is_no_damage(store, monkeypatch):
    def load(*_, **__):
        raise MemoryError

    monkeypatch.setattr(torch, "load", load)

    with pytest.raises(MemoryError):
        store.load_newest()
