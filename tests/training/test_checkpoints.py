"""The store under damage, full disks and crashes: what is saved stays usable."""

import errno
import fcntl
import json
import logging
import math
import os
import resource
import shutil
from pathlib import Path

import pytest
import torch

from sagan.files import HashingWriter, file_sha256
from sagan.training import checkpoint_files
from sagan.training.checkpoint_files import state_bytes
from sagan.training.checkpoints import CheckpointError, CheckpointStore
from sagan.training.state import TrainingState


def state(images_seen):
    return {"images_seen": images_seen, "w": torch.full((8,), images_seen)}


def filled(path, keep, scores):
    store = CheckpointStore(path, keep=keep)
    for images_seen, score in scores.items():
        store.save(state(images_seen), images_seen, score=score)
    return store


@pytest.fixture
def store(tmp_path):
    return filled(tmp_path / "run", 2, {4: None, 8: None, 12: None})


def path_of(store, images_seen):
    return store.path / f"checkpoint-{images_seen:012d}.pt"


def facts_of(store, images_seen):
    return path_of(store, images_seen).with_suffix(".json")


def standing(store):
    """Images seen of each checkpoint; fails where anything else lies in the folder."""
    suffixes = {}
    for path in store.path.iterdir():
        suffixes.setdefault(int(path.stem.removeprefix("checkpoint-")), set()).add(path.suffix)
    assert all(found == {".pt", ".json"} for found in suffixes.values()), suffixes
    return sorted(suffixes)


def in_child(work):
    """Run in a forked process, which ends without any clean-up; its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Payload:
    """Touches a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (self.path.touch, ())


# --- what is kept ---------------------------------------------------------------------------


def test_keeps_the_newest_and_leaves_no_temporary_file(store):
    assert standing(store) == [8, 12]
    assert len(store) == 2
    assert store.load_newest()["images_seen"] == 12


def test_an_empty_store_has_nothing_to_load(tmp_path):
    store = CheckpointStore(tmp_path / "run", keep=2)

    assert store.load_newest() is None
    assert store.load_best() is None
    assert store.best() is None


def test_the_best_is_kept_beside_the_last(tmp_path):
    store = filled(tmp_path, 2, {4: 3.0, 8: 1.0, 12: 2.0, 16: 5.0, 20: 4.0})

    assert standing(store) == [8, 16, 20]
    assert store.best() == path_of(store, 8)
    assert store.load_best()["images_seen"] == 8
    assert store.load_newest()["images_seen"] == 20
    assert json.loads(facts_of(store, 8).read_text())["score"] == 1.0


def test_a_better_one_takes_the_place_of_the_best(tmp_path):
    store = filled(tmp_path, 1, {4: 3.0, 8: 5.0, 12: 1.0, 16: None})

    assert standing(store) == [12, 16]


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_never_becomes_the_best(tmp_path, score, caplog):
    store = filled(tmp_path, 1, {4: 3.0, 8: score})

    assert store.best() == path_of(store, 4)
    assert json.loads(facts_of(store, 8).read_text())["score"] is None
    assert f"has the score {score}, which is never the best" in caplog.text


@pytest.mark.parametrize("score", ["NaN", "-Infinity", "true", '"1"', "[1]"])
def test_a_score_that_was_tampered_with_is_none(store, score):
    facts = facts_of(store, 12)
    facts.write_text(facts.read_text().replace("null", score))
    assert score in facts.read_text()

    assert store.best() is None
    assert store.load_newest()["images_seen"] == 12


def test_checkpoints_without_number_and_size_are_read(store):
    for images_seen in (8, 12):
        facts = {"images_seen": images_seen, "sha256": file_sha256(path_of(store, images_seen))}
        facts_of(store, images_seen).write_text(json.dumps(facts))

    assert store.load_newest()["images_seen"] == 12
    store.save(state(16), 16)
    assert standing(store) == [12, 16]


def test_damaged_ones_do_not_count_among_the_last(tmp_path):
    store = filled(tmp_path, 2, {4: None, 8: None})
    path_of(store, 8).write_bytes(b"damaged")

    CheckpointStore(tmp_path, keep=2).save(state(12), 12)

    assert standing(store) == [4, 12]


def test_a_damaged_best_is_not_the_best(tmp_path, caplog):
    store = filled(tmp_path, 2, {4: 1.0, 8: 2.0, 12: 3.0})
    path_of(store, 4).write_bytes(b"damaged")

    assert store.best() == path_of(store, 8)
    assert store.load_best()["images_seen"] == 8
    assert "checkpoint-000000000004.pt passed over" in caplog.text


def test_a_damaged_newest_does_not_push_out_the_good_one(tmp_path, monkeypatch, caplog):
    store = filled(tmp_path, 1, {4: None})
    original = checkpoint_files._write_facts

    def tear(path, facts):
        path.write_bytes(path.read_bytes()[:-1])
        original(path, facts)

    monkeypatch.setattr(checkpoint_files, "_write_facts", tear)
    store.save(state(8), 8)

    assert standing(store) == [4, 8]
    assert "was saved, but" in caplog.text
    assert CheckpointStore(tmp_path, keep=1).load_newest()["images_seen"] == 4


def test_opening_with_a_smaller_keep_removes_nothing(store):
    path_of(store, 12).write_bytes(b"damaged")

    assert CheckpointStore(store.path, keep=1).load_newest()["images_seen"] == 8


def test_going_on_from_an_older_one_makes_that_line_the_newest(tmp_path):
    store = filled(tmp_path, 2, {4: None, 8: None, 12: None, 16: None})

    store.load(path_of(store, 12))
    store.save(state(14), 14)
    assert store.load_newest()["images_seen"] == 14
    store.save(state(15), 15)

    assert standing(store) == [14, 15]


def test_one_that_is_being_read_is_removed_by_a_later_save(store):
    with path_of(store, 8).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        store.save(state(16), 16)
        assert standing(store) == [8, 12, 16]

    store.save(state(20), 20)
    assert standing(store) == [16, 20]


def test_loading_holds_the_file(store, monkeypatch):
    original, seen = torch.load, []

    def load(*arguments, **options):
        if not seen:
            seen.append("loading")
            store.save(state(16), 16)
            seen.append(standing(store))
        return original(*arguments, **options)

    monkeypatch.setattr(torch, "load", load)

    assert store.load(path_of(store, 8))["images_seen"] == 8
    assert seen[1] == [8, 12, 16]


def test_a_reader_whose_checkpoint_is_removed_under_it_takes_the_newer_one(store, monkeypatch):
    reader = CheckpointStore(store.path, keep=2)
    listed = reader._newest_first()
    store.save(state(16), 16)
    store.save(state(20), 20)
    lists = [listed, reader._newest_first()]
    monkeypatch.setattr(reader, "_newest_first", lambda: lists.pop(0))

    assert reader.load_newest()["images_seen"] == 20


# --- damage -----------------------------------------------------------------------------------


def flip(store):
    content = bytearray(path_of(store, 12).read_bytes())
    content[len(content) // 2] ^= 1
    path_of(store, 12).write_bytes(content)


def sign(store, content):
    """Another file under a checksum that holds."""
    torch.save(content, path_of(store, 12))
    facts_of(store, 12).write_text(json.dumps({"sha256": file_sha256(path_of(store, 12))}))


DAMAGES = {
    "flipped": (flip, r"its sha256 is not \w{12}\.\.\."),
    "truncated": (
        lambda store: os.truncate(path_of(store, 12), 100),
        r"its sha256 is not \w{12}\.\.\., it has 100 of [\d,]+ bytes",
    ),
    "emptied": (lambda store: os.truncate(path_of(store, 12), 0), "it has 0 of"),
    "missing": (lambda store: path_of(store, 12).unlink(), "the file is missing"),
    "a folder": (
        lambda store: (path_of(store, 12).unlink(), path_of(store, 12).mkdir()),
        r"it cannot be read \(Is a directory\)",
    ),
    "empty json": (
        lambda store: facts_of(store, 12).write_text(""),
        r"its \.json cannot be used \(Expecting value",
    ),
    "torn json": (
        lambda store: os.truncate(facts_of(store, 12), 20),
        r"its \.json cannot be used",
    ),
    "binary json": (
        lambda store: facts_of(store, 12).write_bytes(b"\xff\x00\xfe" * 9),
        r"its \.json cannot be used \(.*codec can't decode",
    ),
    "list in json": (
        lambda store: facts_of(store, 12).write_text("[1]"),
        r"its \.json cannot be used \(expected an object, got list\)",
    ),
    "nested json": (
        lambda store: facts_of(store, 12).write_text("[" * 200_000),
        r"its \.json cannot be used \(.*recursion",
    ),
    "no checksum": (
        lambda store: facts_of(store, 12).write_text("{}"),
        r"expected its sha256 as text, got None",
    ),
    "number for a checksum": (
        lambda store: facts_of(store, 12).write_text('{"sha256": 7}'),
        r"expected its sha256 as text, got 7",
    ),
    "not a dict": (
        lambda store: sign(store, torch.zeros(2)),
        "expected a dict in it, got Tensor",
    ),
    "a pickle with a payload": (
        lambda store: sign(store, {"evil": Payload(store.path.parent / "owned")}),
        r"torch\.load\(weights_only=True\) refuses it \(UnpicklingError: Unsupported global",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_falls_back_to_the_one_before_and_says_so(store, damage, caplog):
    harm, reason = DAMAGES[damage]
    harm(store)

    with caplog.at_level(logging.WARNING):
        state = store.load_newest()

    assert state["images_seen"] == 8
    (message,) = [r.getMessage() for r in caplog.records if "passed over" in r.getMessage()]
    assert message.startswith(f"damaged checkpoint {path_of(store, 12)} passed over: ")
    with pytest.raises(CheckpointError, match=reason):
        store.load(path_of(store, 12))
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
    assert "0004.pt: the file is missing" in text
    assert "0008.pt: its .json cannot be used (expected an object, got list)" in text
    assert "0012.pt: its sha256 is not" in text
    assert "delete the folder to train afresh" in text


def test_torchs_advice_to_load_a_refused_file_anyway_is_not_passed_on(store, caplog):
    DAMAGES["a pickle with a payload"][0](store)

    store.load_newest()

    assert "weights_only=False" not in caplog.text
    assert "add_safe_globals" not in caplog.text


def test_a_state_that_cannot_be_loaded_pushes_no_good_one_out(tmp_path, caplog):
    store = filled(tmp_path / "run", 1, {4: None})

    store.save({"evil": Payload(tmp_path / "owned")}, 8)

    assert standing(store) == [4, 8]
    assert "was saved, but torch.load(weights_only=True) refuses it" in caplog.text
    assert store.load_newest()["images_seen"] == 4
    assert not (tmp_path / "owned").exists()


def test_out_of_memory_is_no_damage(store, monkeypatch):
    def load(*_, **__):
        raise MemoryError

    monkeypatch.setattr(torch, "load", load)

    with pytest.raises(MemoryError):
        store.load_newest()


def test_loading_what_is_not_there(store):
    with pytest.raises(CheckpointError, match=r"0016\.pt cannot be used: .*No such file"):
        store.load(path_of(store, 16))


# --- crashes ----------------------------------------------------------------------------------


def test_a_checkpoint_that_was_never_finished_is_none_and_is_removed(store):
    path_of(store, 16).write_bytes(b"half")
    foreign = [store.path / "checkpoint-mine.pt", store.path / "notes.pt"]
    for path in foreign:
        path.write_bytes(b"mine")

    assert store.load_newest()["images_seen"] == 12
    store.clean()

    assert not path_of(store, 16).exists()
    assert all(path.exists() for path in foreign)


def test_reading_removes_nothing(store):
    path_of(store, 16).write_bytes(b"the writer is about to finish it")

    reader = CheckpointStore(store.path, keep=1)
    reader.load_newest()
    reader.load_best()

    assert path_of(store, 16).exists()


def test_temporary_files_of_dead_writers_are_removed_whatever_their_target(store):
    dead = [store.path / f".checkpoint-{n:012d}.pt.999999999.saving" for n in (16, 400)]
    living = store.path / f".checkpoint-{500:012d}.pt.{os.getppid()}.saving"
    for path in (*dead, living):
        path.write_bytes(b"half")

    store.save(state(20), 20)

    assert not any(path.exists() for path in dead)
    assert living.exists()


def die_at(call, store, images_seen):
    """Save, and end the process before the nth call that changes the folder."""
    calls = 0

    def deadly(original):
        def counted(*arguments, **options):
            nonlocal calls
            calls += 1
            if calls == call:
                os._exit(9)
            return original(*arguments, **options)

        return counted

    os.replace = deadly(os.replace)
    os.fsync = deadly(os.fsync)
    Path.unlink = deadly(Path.unlink)
    Path.open = deadly(Path.open)
    HashingWriter.write = deadly(HashingWriter.write)
    again = state(images_seen) | {"train_seconds": 1.5}  # not the bytes of one that stands already
    store.save(again, images_seen, score=images_seen)


@pytest.mark.parametrize(
    ("keep", "images_seen"),
    [(2, 16), (1, 16), (1, 12)],  # the last one over the newest good one
)
def test_a_crash_at_every_single_moment_of_a_save(tmp_path, keep, images_seen):
    filled(tmp_path / "before", keep, {4: 4.0, 8: 8.0, 12: 12.0})  # the best is 4
    statuses = []
    for call in range(1, 200):
        path = tmp_path / str(call)
        shutil.copytree(tmp_path / "before", path)
        store = CheckpointStore(path, keep=keep)
        statuses.append(in_child(lambda s=store, n=call: die_at(n, s, images_seen)))

        store = CheckpointStore(path, keep=keep)
        newest = store.load_newest()["images_seen"]
        assert newest in (12, images_seen)
        assert store.load_best()["images_seen"] == 4
        store.require_space(0)
        standing(store)  # nothing but checkpoints
        store.save(state(20), 20, score=20.0)
        assert standing(store) == ([4, newest, 20] if keep == 2 else [4, 20])
        assert store.load_newest()["images_seen"] == 20
        if statuses[-1] == 0:
            break

    assert newest == images_seen
    assert statuses.count(9) == len(statuses) - 1 > 15


# --- full disks -------------------------------------------------------------------------------


def test_a_file_too_large_is_said_and_leaves_what_was(store):
    big = {"w": torch.zeros(1_000_000)}

    def work():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        try:
            store.save(big, 16)
        except OSError as error:
            (store.path.parent / "message").write_text(f"{error.errno} {error}")

    assert in_child(work) == 0

    message = (store.path.parent / "message").read_text()
    assert message.startswith(f"{errno.EFBIG} ")
    assert_says_it_all(message, store, big)
    assert standing(store) == [8, 12]
    assert store.load_newest()["images_seen"] == 12


def assert_says_it_all(message, store, saved):
    assert str(path_of(store, 16)) in message
    assert f"{state_bytes(saved):,} bytes needed" in message
    assert "bytes free" in message
    assert "training.keep_checkpoints" in message


def test_a_full_disk_is_said_and_leaves_what_was(store, monkeypatch):
    def full_device(target):  # what is written to it meets a full disk
        path = target.with_name(f".{target.name}.{os.getpid()}.saving")
        path.symlink_to("/dev/full")
        return path

    monkeypatch.setattr("sagan.files._temporary_name", full_device)
    big = {"w": torch.zeros(1_000_000)}

    with pytest.raises(OSError, match="No space left on device while writing") as raised:
        store.save(big, 16)

    assert raised.value.errno == errno.ENOSPC
    assert_says_it_all(str(raised.value), store, big)
    assert standing(store) == [8, 12]


@pytest.mark.parametrize("moment", ["state", "facts"])
def test_a_disk_that_fills_up_midway(store, monkeypatch, moment):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if moment == "state":
        write, calls = HashingWriter.write, []

        def fill_up(writer, data):
            calls.append(data)
            if len(calls) > 10:
                writer.error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                raise writer.error
            return write(writer, data)

        monkeypatch.setattr(HashingWriter, "write", fill_up)
    else:
        monkeypatch.setattr(Path, "write_text", full)

    with pytest.raises(OSError, match="No space left on device"):
        store.save(state(16), 16)

    assert standing(store) == [8, 12]


def test_an_error_of_torch_itself_stays_one(store):
    with pytest.raises(AttributeError, match="local object"):
        store.save({"f": lambda: 0}, 16)

    assert standing(store) == [8, 12]


def test_the_checksum_taken_while_writing_is_the_files(store):
    facts = json.loads(facts_of(store, 12).read_text())

    assert facts["sha256"] == file_sha256(path_of(store, 12))
    assert facts["bytes"] == path_of(store, 12).stat().st_size


# --- before the first step --------------------------------------------------------------------


def test_too_little_room_is_said_before_the_first_step(store):
    needed = 10**18

    with pytest.raises(OSError, match="No space left on device") as raised:
        store.require_space(needed)

    message = str(raised.value)
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.filename == str(store.path)
    for part in (str(store.path), f"{needed:,} bytes needed", "bytes free"):
        assert part in message
    assert "lower training.keep_checkpoints, or choose another folder" in message


def test_just_enough_room_will_do(store, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 1000))

    store.require_space(1000)
    with pytest.raises(OSError, match="1,001 bytes needed, 1,000 bytes free"):
        store.require_space(1001)


def test_a_crashs_leavings_are_gone_before_room_is_looked_for(store):
    path_of(store, 16).write_bytes(b"half")
    (store.path / ".checkpoint-000000000020.pt.999999999.saving").write_bytes(b"half")

    store.require_space(0)

    assert standing(store) == [8, 12]


def test_a_folder_that_cannot_be_written_to_is_said_before_the_first_step(store, monkeypatch):
    def denied(*_):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "write_bytes", denied)

    with pytest.raises(PermissionError, match="nothing can be written to this folder") as raised:
        store.require_space(0)
    assert raised.value.filename == str(store.path)
    assert "choose another folder" in str(raised.value)


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(NotADirectoryError, match="file/run"):
        CheckpointStore(tmp_path / "file" / "run", keep=2)


def test_the_room_of_a_run_is_known_before_its_first_step(tiny, shards, tmp_path):
    config = tiny(total_images=8)
    fresh = TrainingState(config, shards, torch.device("cpu"))
    store = CheckpointStore(tmp_path / "run", keep=2)
    expected, needed = state_bytes(fresh.state_dict()), store.needed_bytes(fresh.state_dict())

    for optimizer in (fresh.generator_optimizer, fresh.discriminator_optimizer):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    actual = store.save(fresh.state_dict(), 4).stat().st_size

    assert actual <= expected <= 1.5 * actual
    assert actual <= state_bytes(fresh.state_dict()) <= 1.5 * actual
    assert needed == 4 * expected  # two, the best, and the one being written


def test_what_stands_already_needs_no_more_room(store):
    one, size = state_bytes(state(16)), path_of(store, 8).stat().st_size

    assert store.needed_bytes(state(16)) == 4 * one - 2 * size
    assert store.needed_bytes(state(16), scored=False) == 3 * one - 2 * size
    for images_seen in (8, 12):
        os.truncate(path_of(store, images_seen), 10 * one)
    assert store.needed_bytes(state(16)) == one  # there is always one more to write


def test_a_tensors_whole_storage_is_counted_wherever_it_lies():
    part = torch.zeros(1_000_000)[:1]

    assert state_bytes({"a": [{"b": (part,)}], "c": 7}) >= 4_000_000
