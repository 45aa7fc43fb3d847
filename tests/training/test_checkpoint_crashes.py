"""A crash at any moment of a save: what was saved stays usable."""

import os
import shutil
from pathlib import Path

import pytest

from sagan.common.files import HashingWriter
from sagan.training.store.checkpoints import CheckpointStore
from tests.training.stored import filled, in_child, path_of, standing, state


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
    store.save(state(images_seen), images_seen)


@pytest.mark.parametrize("keep", [1, 2])
def test_a_crash_at_every_single_moment_of_a_save(tmp_path, keep):
    images_seen = 16
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
        store.save(state(20), 20)
        assert standing(store) == ([4, newest, 20] if keep == 2 else [4, 20])
        assert store.load_newest()["images_seen"] == 20
        if statuses[-1] == 0:
            break

    assert newest == images_seen
    assert statuses.count(9) == len(statuses) - 1 > 15
