"""Processes that go wrong on purpose; torchelastic imports them in processes of their own."""

import os
import signal
import time

import torch

from sagan.training.core import steps
from sagan.training.launch.torchelastic import work
from sagan.training.store.checkpoints import CheckpointStore


def raising(*arguments):
    """Process 1 raises in its third update of the discriminator."""
    if os.environ["RANK"] == "1":
        _after(2, _raise)
    return work(*arguments)


def diverging(*arguments):
    """Process 1 reads an image that is not finite in its third update."""
    if os.environ["RANK"] == "1":
        _after(2, _infinite)
    return work(*arguments)


def dying(*arguments):
    """Process 1 is killed in its third update, in the first start of the processes."""
    if os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        _after(2, lambda _: os.kill(os.getpid(), signal.SIGKILL))
    return work(*arguments)


def signalled(*arguments):
    """Process 1 alone is asked to stop, in its third update."""
    if os.environ["RANK"] == "1":
        _after(2, _signal)
    return work(*arguments)


def counted(*arguments):
    """Each start of process 0 is counted, in a file beside the runs."""
    if os.environ["RANK"] == "0":
        with (arguments[2]["runs_dir"] / "starts").open("a") as file:
            file.write(".")
    return work(*arguments)


def slow_to_save(*arguments):
    """The lead takes longer to save than a step may take."""
    original = CheckpointStore.save

    def slow(store, *state, **options):
        time.sleep(4)
        return original(store, *state, **options)

    CheckpointStore.save = slow
    return work(*arguments)


def _after(updates, change):
    from sagan.training.core import loop

    original, seen = steps.discriminator_step, []

    def step(G, D, optimizer, images, *rest, **options):
        seen.append(None)
        images = change(images) if len(seen) > updates else images
        return original(G, D, optimizer, images, *rest, **options)

    loop.discriminator_step = step


def _signal(images):
    os.kill(os.getpid(), signal.SIGTERM)
    return images


def _raise(images):
    raise OSError(5, "the disk of this machine is broken", "/somewhere/shard-00001.npy")


def _infinite(images):
    return torch.full_like(images, torch.inf)
