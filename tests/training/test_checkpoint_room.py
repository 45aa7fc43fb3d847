"""Full disks: said with path and bytes, before the first step where possible."""

import errno
import json
import os
import resource
import shutil
from pathlib import Path

import pytest
import torch

from sagan.common.files import HashingWriter, disk, file_sha256
from sagan.training.core.state import TrainingState
from sagan.training.store.checkpoint_files import state_bytes
from sagan.training.store.checkpoints import CheckpointStore
from tests.training.stored import facts_of, in_child, path_of, standing, state


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

    monkeypatch.setattr(disk, "temporary_path", full_device)
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
