"""Processes that go wrong on purpose; torchelastic imports them in processes of their own."""

import os
import signal
import socket
import sys
import time
from contextlib import contextmanager, nullcontext, suppress

import torch
import torch.distributed as dist

from sagan.training.core import loop, steps
from sagan.training.core.finite import NonFiniteError
from sagan.training.launch import worker
from sagan.training.launch.error_files import WorkerErrorFiles
from sagan.training.launch.worker import work
from sagan.training.store.checkpoints import CheckpointStore
from tests.small_world import SCORING

SHORT = {"total_images": 24}
SCORED = {"scoring": SCORING}
AUGMENTED = {
    "method": "ada",
    "interval": 2,
    "ramp_images": 40,
    "lecam_weight": 0.3,
    "lecam_warmup_steps": 2,
}
# what one pair does after another, each in a folder of its own: changes, and what goes wrong
SCENARIOS = {
    "plain": (SHORT, None),
    "scored": (SHORT | SCORED, None),
    "augmented": (SHORT | {"augmentation": AUGMENTED, "batch_size": 8}, None),
    "started": (SHORT | {"start_from": "plain", "freeze_discriminator_layers": 1}, None),
    "slow_to_save": ({"total_images": 8, "collective_timeout_seconds": 3}, "slow_saves"),
    "diverging": ({"checkpoint_every_images": 4}, "infinite_image"),
}


def then_signalled(*arguments):
    """The scenarios, then a run whose process 1 alone is asked to stop in its third update."""
    if os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":  # the stopped ones are started once more
        _one_after_another(SCENARIOS, *arguments)
    if os.environ["RANK"] == "1":
        _after(2, _signal)
    return work(*arguments)


def _one_after_another(scenarios, config, shards, folders, _errors, log_level):
    launched_port = os.environ["MASTER_PORT"]
    for name, (changes, fault) in scenarios.items():
        runs = folders["runs_dir"] / name
        errors = runs / "processes"
        errors.mkdir(parents=True, exist_ok=True)
        os.environ["MASTER_PORT"] = _port(runs)
        values = config.model_dump(exclude_unset=True) | changes
        if "start_from" in changes:
            values["start_from"] = str(newest_of(folders["runs_dir"] / changes["start_from"]))
        arguments = type(config)(**values), shards, folders | {"runs_dir": runs}
        with globals()[fault]() if fault else nullcontext():
            if name == "diverging":
                _diverge(*arguments, errors)
            else:
                work(*arguments, errors, log_level)
    os.environ["MASTER_PORT"] = launched_port


def _diverge(config, shards, folders, errors):
    """As `work`, without the end of this process."""
    with suppress(NonFiniteError):
        worker._train(config, shards, folders, WorkerErrorFiles(errors), int(os.environ["RANK"]))
    dist.destroy_process_group()


def newest_of(runs):
    """The newest checkpoint of the one run in a folder of runs."""
    return max(runs.glob("*/checkpoint-*.pt"))


def _port(folder):
    """A free one that process 0 chooses: the store of the run before may not have closed yet."""
    path = folder / "port"
    if os.environ["RANK"] == "0":
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            chosen = str(probe.getsockname()[1])
        (folder / "port.partial").write_text(chosen)
        (folder / "port.partial").rename(path)
    while not path.exists():
        time.sleep(0.02)
    return path.read_text()


def raising(*arguments):
    """Process 1 raises in its third update, while process 0 waits as in a call of NCCL's."""
    worker._GRACE_SECONDS = 1.0
    _after(2, _raise if os.environ["RANK"] == "1" else _wait)
    return work(*arguments)


def dying(*arguments):
    """Process 1 is killed in its third update, in the first start of the processes."""
    if os.environ["RANK"] == "1" and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        _after(2, lambda _: os.kill(os.getpid(), signal.SIGKILL))
    return work(*arguments)


@contextmanager
def slow_saves():
    """The lead takes longer to save than a step may take."""
    original = CheckpointStore.save

    def slow(store, *state, **options):
        time.sleep(4)
        return original(store, *state, **options)

    CheckpointStore.save = slow
    try:
        yield
    finally:
        CheckpointStore.save = original


@contextmanager
def infinite_image():
    """Process 1 reads an infinite image in its third update."""
    if os.environ["RANK"] == "1":
        _after(2, _infinite)
    try:
        yield
    finally:
        loop.discriminator_step = steps.discriminator_step


def _after(updates, change):
    original, seen = steps.discriminator_step, []

    def step(G, D, optimizer, images, *rest, **options):
        seen.append(None)
        images = change(images) if len(seen) > updates else images
        return original(G, D, optimizer, images, *rest, **options)

    loop.discriminator_step = step


def _signal(images):
    os.kill(os.getpid(), signal.SIGTERM)
    return images


def _wait(images):
    time.sleep(600)
    return images


def _raise(images):
    sys.stderr.write("what a library printed\n")
    raise OSError(5, "the disk of this machine is broken", "/somewhere/shard-00001.npy")


def _infinite(images):
    return torch.full_like(images, torch.inf)
