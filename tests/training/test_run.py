"""Whole runs of seconds: what they leave, and that a stopped one goes on bit for bit."""

import json
import logging
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml

from sagan.models.bundle import GeneratorBundle
from sagan.training.run import train
from sagan.training.signals import TrainingInterrupted
from tests.training.conftest import TINY


def final_state(workspace):
    newest = max(workspace.glob("*/checkpoint-*.pt"))
    state = torch.load(newest, weights_only=True)
    state.pop("train_seconds")
    return state


def assert_equal_states(ours, theirs):
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        if isinstance(value, dict):
            assert_equal_states(value, theirs[key])
        elif isinstance(value, torch.Tensor):
            assert torch.equal(value, theirs[key]), key
        else:
            assert value == theirs[key], key


def test_leaves_a_generator_a_journal_and_a_summary(tiny, shards, tmp_path):
    result = train(tiny(), shards, tmp_path)

    assert result.bundle.load()(torch.randn(2, 8), torch.tensor([0, 1])).shape == (2, 3, 16, 16)
    assert result.bundle.class_names == shards.class_names
    assert result.bundle.facts["weights"] == "ema"
    assert [r["images_seen"] for r in result.journal] == list(range(4, 44, 4))
    assert "gamma/generator/8x8_attention" in result.journal[-1]
    assert result.summary["steps"] == 10
    assert result.summary["images_seen"] == 40
    json.dumps(result.summary)


def test_training_changes_both_networks_and_the_average_follows(tiny, shards, tmp_path):
    train(tiny(total_images=4), shards, tmp_path / "short")
    train(tiny(), shards, tmp_path / "long")
    short, long = final_state(tmp_path / "short"), final_state(tmp_path / "long")

    for network in ("generator", "discriminator", "ema_generator"):
        name = "head.linear.weight" if network == "discriminator" else "linear.weight"
        assert not torch.equal(short[network][name], long[network][name])


class Stop:
    """Ask for a stop after so many steps, as a signal would."""

    def __init__(self, monkeypatch, steps, number=signal.SIGTERM):
        from sagan.training import run

        original = run.training_loop

        def interrupted(*arguments):
            for step, record in enumerate(original(*arguments), start=1):
                if step == steps:
                    os.kill(os.getpid(), number)
                yield record

        monkeypatch.setattr(run, "training_loop", interrupted)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_stopped_run_saves_and_goes_on_bit_for_bit(tiny, shards, tmp_path, monkeypatch, number):
    train(tiny(), shards, tmp_path / "whole")
    with monkeypatch.context() as patch:
        Stop(patch, steps=5, number=number)
        with pytest.raises(TrainingInterrupted) as stopped:
            train(tiny(), shards, tmp_path / "stopped")
    assert stopped.value.code == 75

    result = train(tiny(), shards, tmp_path / "stopped")

    assert_equal_states(final_state(tmp_path / "stopped"), final_state(tmp_path / "whole"))
    assert [r["images_seen"] for r in result.journal] == list(range(4, 44, 4))


def test_handlers_are_restored(tiny, shards, tmp_path):
    before = signal.getsignal(signal.SIGTERM)

    train(tiny(total_images=4), shards, tmp_path)

    assert signal.getsignal(signal.SIGTERM) is before


def test_a_killed_process_goes_on_bit_for_bit(tiny, shards, tmp_path):
    config = tmp_path / "training.yml"
    config.write_text(yaml.safe_dump({"training": TINY | {"total_images": 400}}))
    command = [sys.executable, "-m", "sagan.training", str(shards.path), "--config", str(config)]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "killed")])
    deadline = time.monotonic() + 60
    while not list((tmp_path / "killed").glob("*/checkpoint-*.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert final_state(tmp_path / "killed")["images_seen"] < 400

    subprocess.run([*command, "--out", str(tmp_path / "killed")], check=True)
    subprocess.run([*command, "--out", str(tmp_path / "whole")], check=True)

    assert_equal_states(final_state(tmp_path / "killed"), final_state(tmp_path / "whole"))


def test_a_complete_run_is_not_trained_again(tiny, shards, tmp_path, caplog):
    first = train(tiny(), shards, tmp_path)
    with caplog.at_level(logging.INFO):
        second = train(tiny(), shards, tmp_path)

    assert "is complete" in caplog.text
    assert first.summary == second.summary
    assert first.journal == second.journal


def test_changed_parameters_are_another_run(tiny, shards, tmp_path):
    train(tiny(), shards, tmp_path)
    train(tiny(generator_lr=2e-4), shards, tmp_path)

    assert len(list(tmp_path.iterdir())) == 2


def test_watching_differently_is_the_same_run(tiny, shards, tmp_path):
    train(tiny(), shards, tmp_path)
    train(tiny(log_every_steps=3, checkpoint_every_images=20, keep_checkpoints=1), shards, tmp_path)

    assert len(list(tmp_path.iterdir())) == 1


def test_cuda_without_a_cuda_device(tiny, shards, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(ValueError, match="device: cuda was asked for, but torch sees no CUDA"):
        train(tiny(device="cuda"), shards, tmp_path)


def test_without_an_average_the_raw_generator_is_exported(tiny, shards, tmp_path):
    result = train(tiny(ema_decay=None, standing_batches=0), shards, tmp_path)
    raw = final_state(tmp_path)["generator"]

    weights = GeneratorBundle.open(result.bundle.path).load().state_dict()

    assert result.bundle.facts["weights"] == "raw"
    assert all(torch.equal(raw[name], tensor) for name, tensor in weights.items())
