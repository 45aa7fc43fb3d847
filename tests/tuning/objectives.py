"""Objectives of milliseconds, in a module of their own: worker processes import it by its name."""

import os
import signal
import time
from collections.abc import Mapping

import torch

from sagan.training.core.finite import NonFiniteError
from sagan.training.torch_errors import OutOfMemoryError
from sagan.tuning.workers.context import TrialContext


def bowl(context: TrialContext) -> Mapping[str, float]:
    """Least where the learning rate is 0.001; each score leaves a file."""
    value = abs(context.values["generator_lr"] - 0.001) * 1000
    for images in (10, 20, 30):
        (context.folder / f"step-{images}").touch()
        context.report(images, value + 1 / images)
    return {"fd_classifier": value, "recall": 1 / (1 + value), "train_seconds": 2 - value}


def killed_once(context: TrialContext) -> Mapping[str, float]:
    """The first context at trial 1 is killed as by the system when memory runs out."""
    mark = context.folder.parent / "killed"
    if context.folder.name == "trial-0001" and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return bowl(context)


def leaving(context: TrialContext) -> Mapping[str, float]:
    """Ends its process without a word."""
    os._exit(3)


def failing(context: TrialContext) -> Mapping[str, float]:
    """Trials 1 to 3 fail, each in its way."""
    if context.number == 1:
        raise NonFiniteError("generator", {"loss": float("nan")})
    if context.number == 2:
        raise OutOfMemoryError("out of memory on cuda with training.batch_size 512")
    if context.number == 3:
        return {"fd_classifier": float("nan")}
    return bowl(context)


def losing_the_gpu(context: TrialContext) -> Mapping[str, float]:
    """Trial 1 ends in a failed assertion on the device."""
    if context.number == 1:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered")
    return bowl(context)


def always_failing(context: TrialContext) -> Mapping[str, float]:
    raise RuntimeError("the disk is made of cheese")


def slow(context: TrialContext) -> Mapping[str, float]:
    """Takes a while, unless it is asked to stop."""
    from sagan.processes.signals import TrainingInterrupted, stop_requests

    (context.folder / "begun").touch()
    with stop_requests() as stop:
        for _ in range(3):
            time.sleep(0.2)
            if stop:
                raise TrainingInterrupted
    return bowl(context)


def start_slow_study(config, training, shards_path, workspace) -> None:
    """A study in a process of its own."""
    from sagan.data.shards.store import ShardStore
    from sagan.tuning.run import tune

    tune(config, training, ShardStore.open(shards_path), workspace, objective=slow)
