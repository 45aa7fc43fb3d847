"""Small checkpoint stores, and ways to look into and to harm them."""

import os

import torch

from sagan.training.store.checkpoints import CheckpointStore


def state(images_seen):
    return {"images_seen": images_seen, "w": torch.full((8,), images_seen)}


def filled(path, keep, scores):
    store = CheckpointStore(path, keep=keep)
    for images_seen, score in scores.items():
        store.save(state(images_seen), images_seen)
        if score is not None:
            store.rate(store.path_of(images_seen), score)
    return store


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
