"""Runs that cannot start, diverge, or are signalled at a bad moment."""

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial

import pytest
import torch

from sagan.processes.signals import TrainingInterrupted
from sagan.training import train
from sagan.training.core.finite import FiniteCheck, NonFiniteError
from tests.training.whole_runs import Broken, assert_equal_states, final_state


def test_cuda_without_a_cuda_device(tiny, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(ValueError, match="device: cuda was asked for, but torch sees no CUDA"):
        train(tiny(device="cuda"), shards, tmp_path)


@pytest.fixture(params=["decided on the host", "decided on the device"])
def decided(request, monkeypatch):
    """How an update that is not finite is found: as on a CPU, and as on a GPU."""
    if request.param == "decided on the device":
        from sagan.training.core import state

        class Fused(torch.optim.Adam):
            def __init__(self, *arguments, **options):
                super().__init__(*arguments, **(options | {"fused": True}))

        monkeypatch.setattr(state, "Adam", Fused)
        monkeypatch.setattr(state, "FiniteCheck", partial(FiniteCheck, deferred=True))


@pytest.mark.usefixtures("decided")
def test_a_run_that_diverges_keeps_its_checkpoint_and_writes_the_facts(
    tiny, shards, tmp_path, monkeypatch
):
    """An image that is not finite, in the seventh update."""
    from sagan.training.core import loop

    original, updates = loop.to_float, []

    def spoilt(images):
        updates.append(None)
        made = original(images)
        return made / 0 if len(updates) == 7 else made

    monkeypatch.setattr(loop, "to_float", spoilt)
    with pytest.raises(NonFiniteError, match="The checkpoint at 24 images is intact"):
        train(tiny(), shards, tmp_path)

    journal = [json.loads(line) for line in next(tmp_path.glob("*/journal.jsonl")).open()]
    assert journal[-1]["event"] == "non_finite"
    assert journal[-1]["network"] == "discriminator"
    assert journal[-1]["facts"]["loss"] == "nan"
    assert [record["images_seen"] for record in journal if "event" not in record] == [
        *range(4, 25, 4)
    ]
    state = final_state(tmp_path)
    assert state["images_seen"] == 24
    monkeypatch.setattr(loop, "to_float", original)
    train(tiny(), shards, tmp_path)
    train(tiny(), shards, tmp_path / "whole")
    assert_equal_states(
        final_state(tmp_path, next(tmp_path.glob("*/identity.json")).parent.name),
        final_state(tmp_path / "whole"),
    )


def test_a_run_that_diverges_before_its_first_checkpoint_does_not_speak_of_one(
    tiny, shards, tmp_path, monkeypatch
):
    from sagan.training.core import loop

    original = loop.to_float
    monkeypatch.setattr(loop, "to_float", lambda images: original(images) / 0)

    with pytest.raises(NonFiniteError, match=r"after 0 images\. There is no checkpoint yet; lower"):
        train(tiny(), shards, tmp_path)


def test_a_signal_before_the_first_step_leaves_at_once(tiny, shards, tmp_path, monkeypatch):
    from sagan.training import run

    original = run.TrainingState

    def signalled(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments)

    monkeypatch.setattr(run, "TrainingState", signalled)
    with pytest.raises(TrainingInterrupted):
        train(tiny(), shards, tmp_path)

    assert not list(tmp_path.glob("*/checkpoint-*"))


def test_a_signal_while_exporting_ends_with_the_results_there(tiny, shards, tmp_path, monkeypatch):
    from sagan.training import results

    original = results.export_generator

    def signalled(*arguments, **more):
        os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(results, "export_generator", signalled)
        with pytest.raises(TrainingInterrupted):
            train(tiny(), shards, tmp_path)

    assert train(tiny(), shards, tmp_path).summary["images_seen"] == 40


def test_a_folder_that_may_not_be_written_is_told_before_the_first_step(tiny, shards, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(OSError, match="Not a directory"):
        train(tiny(), shards, tmp_path / "file")


def test_weights_that_are_not_finite_are_never_saved(tiny, shards, tmp_path, monkeypatch):
    """An average that broke between two updates, whose losses stay finite."""
    from sagan.training.core import loop

    def spoil(ema, *_):
        next(iter(ema.parameters())).data.fill_(torch.nan)

    with monkeypatch.context() as patch:
        Broken(patch, loop, "update_ema", after=4, change=spoil)
        with pytest.raises(NonFiniteError, match=r"ema generator nan.*12 images is intact"):
            train(tiny(), shards, tmp_path)

    state = final_state(tmp_path)
    assert state["images_seen"] == 12
    assert all(tensor.isfinite().all() for tensor in state["ema_generator"].values())
    assert train(tiny(), shards, tmp_path).summary["images_seen"] == 40


def test_too_little_room_is_told_before_the_first_step(tiny, shards, tmp_path, monkeypatch):
    from sagan.training import run

    room = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    monkeypatch.setattr(run, "training_loop", None)  # nothing is to be trained

    with pytest.raises(OSError, match=r"bytes needed, 1,000 bytes free; free some space"):
        train(tiny(), shards, tmp_path)

    assert not list(tmp_path.glob("*/.*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_amid_the_imports_ends_with_75_and_one_line(shards, tmp_path, number):
    code = (
        "import builtins, os, sys\n"
        "from sagan.commands.group import main\n"
        "original = builtins.__import__\n"
        "def importing(name, *rest):\n"
        f"    if name == 'torch': os.kill(os.getpid(), {int(number)})\n"
        "    return original(name, *rest)\n"
        "builtins.__import__ = importing\n"
        f"sys.exit(main(['train', {str(shards.path)!r}, '--out', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 75
    assert done.stderr == (
        f"{number.name}: stopped before training began; the same command starts it\n"
    )


def test_a_second_ctrl_c_stops_at_once_and_keeps_what_was_saved(
    tiny, shards, tmp_path, monkeypatch
):
    from sagan.training.core import loop

    def press(*_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        Broken(patch, loop, "update_ema", after=4, change=press)
        with pytest.raises(KeyboardInterrupt):
            train(tiny(), shards, tmp_path)

    assert final_state(tmp_path)["images_seen"] == 12
