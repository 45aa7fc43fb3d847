"""A run that was stopped or killed goes on bit for bit."""

import logging
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml

from sagan.processes.signals import TrainingInterrupted
from sagan.training import train
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import images_per_step
from sagan.training.store.identity import identity_hash, run_identity
from tests.training.conftest import TINY
from tests.training.whole_runs import Stop, assert_equal_states, final_state


@pytest.fixture
def whole(complete_runs):
    """The final state of an undisturbed run."""
    return final_state(complete_runs)


@pytest.fixture(scope="module")
def stopped_once(shards, tmp_path_factory):
    """The folder of runs of one that was stopped after five steps."""
    workspace = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        Stop(patch, steps=5)
        with pytest.raises(TrainingInterrupted):
            train(TrainingConfig(**TINY), shards, workspace)
    return workspace


@pytest.fixture
def stopped(stopped_once, tmp_path):
    """A copy of it to go on with."""
    return shutil.copytree(stopped_once, tmp_path / "stopped")


@pytest.mark.parametrize(
    ("number", "channels"),
    [(signal.SIGINT, 3), (signal.SIGTERM, 1), (signal.SIGHUP, 3), (signal.SIGUSR1, 3)],
)
def test_a_stopped_run_saves_and_goes_on_bit_for_bit(
    tiny, shards, grey_store, whole, tmp_path, *, monkeypatch, number, channels
):
    if channels == 1:
        shards = grey_store
        train(tiny(), shards, tmp_path / "whole")
        whole = final_state(tmp_path / "whole")
    with monkeypatch.context() as patch:
        Stop(patch, steps=5, number=number)
        with pytest.raises(TrainingInterrupted) as stopped:
            train(tiny(), shards, tmp_path / "stopped")
    assert stopped.value.code == 75

    result = train(tiny(), shards, tmp_path / "stopped")

    assert_equal_states(final_state(tmp_path / "stopped"), whole)
    assert [r["images_seen"] for r in result.journal] == list(range(4, 44, 4))
    images = result.bundle.load()(torch.randn(2, 8), torch.tensor([0, 1]))
    assert images.shape == (2, channels, 16, 16)


def test_a_killed_process_goes_on_bit_for_bit(tiny, shards, tmp_path):
    config = tmp_path / "training.yml"
    config.write_text(yaml.safe_dump({"training": TINY | {"total_images": 200}}))
    command = [sys.executable, "-m", "sagan", "train", str(shards.path), "--config", str(config)]
    process = subprocess.Popen([*command, "--out", str(tmp_path / "killed")])
    deadline = time.monotonic() + 60
    while not list((tmp_path / "killed").glob("*/checkpoint-*.json")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert final_state(tmp_path / "killed")["images_seen"] < 200

    train(tiny(total_images=200), shards, tmp_path / "killed")
    train(tiny(total_images=200), shards, tmp_path / "whole")

    assert_equal_states(final_state(tmp_path / "killed"), final_state(tmp_path / "whole"))


def test_going_on_with_other_threads_is_said_and_recorded(
    tiny, shards, tmp_path, monkeypatch, caplog
):
    with monkeypatch.context() as patch:
        Stop(patch, steps=2)
        with pytest.raises(TrainingInterrupted):
            train(tiny(total_images=12), shards, tmp_path)

    with caplog.at_level(logging.WARNING):
        result = train(tiny(threads=2, total_images=12), shards, tmp_path)
    torch.set_num_threads(1)

    assert "not bit-exact: threads: 1 -> 2" in caplog.text
    events = [record for record in result.journal if "event" in record]
    assert [(e["event"], e["images_seen"]) for e in events] == [("resumed_elsewhere", 8)]
    assert result.summary["fingerprint"]["threads"] == 2


def test_a_stopped_run_of_another_precision_is_named(tiny, shards, tmp_path, monkeypatch, caplog):
    """`auto` means another one on another kind of device: the same command starts afresh there."""
    with monkeypatch.context() as patch:
        Stop(patch, steps=2)
        with pytest.raises(TrainingInterrupted):
            train(tiny(total_images=12, run_name="first"), shards, tmp_path)
    (stopped,) = (path.parent.name for path in tmp_path.glob("*/identity.json"))
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "identity.json").write_text("{")
    warning = f"run {stopped}, unfinished at 8 images, differs in its precision alone"

    with caplog.at_level(logging.WARNING):
        train(tiny(total_images=12, precision="bf16", seed=1), shards, tmp_path)
        assert warning not in caplog.text
        train(tiny(total_images=12, precision="bf16"), shards, tmp_path)
    assert f"{warning}; training.precision=fp32 continues it" in caplog.text
    caplog.clear()
    train(tiny(total_images=12), shards, tmp_path)  # which finishes it
    train(tiny(total_images=12, images_per_pass=2), shards, tmp_path)
    assert "precision" not in caplog.text
    caplog.clear()
    other = tiny(total_images=12, precision="bf16")
    shutil.rmtree(tmp_path / identity_hash(run_identity(other, shards)))
    train(other, shards, tmp_path)
    assert f"run {stopped}, complete at 12 images, differs" in caplog.text
    assert "training.precision=fp32 exports it again" in caplog.text


# changes of the probability and of LeCam's averages on either side of a stop after two steps
OVERFITTING = {"interval": 3, "ramp_images": 100, "lecam_weight": 0.3, "lecam_warmup_steps": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"augmentation": {"method": "diffaugment"}},
        {"augmentation": OVERFITTING | {"method": "ada"}, "recipe": "acgan"},
        {"augmentation": OVERFITTING | {"method": "ada"}, "precision": "bf16"},
        {"recipe": "sngan_projection"},
        {"recipe": "acgan"},
        {"recipe": "sagan_unconditional"},
        {"recipe": "sagan_residual"},
        {"recipe": "sagan_paper"},
        {"recipe": "sagan_sn_d_only", "loss": "bce"},
        {"precision": "bf16", "images_per_pass": 2},
    ],
    ids=str,
)
def test_every_kind_of_run_stops_and_goes_on_bit_for_bit(
    tiny, shards, tmp_path, monkeypatch, changes
):
    steps = images_per_step(tiny(**changes | {"total_images": 10_000}))
    changes = changes | {"total_images": 4 * steps}
    changes |= {"checkpoint_every_images": images_per_step(tiny(**changes))}
    whole = train(tiny(**changes), shards, tmp_path / "whole")
    with monkeypatch.context() as patch:
        Stop(patch, steps=2)
        with pytest.raises(TrainingInterrupted):
            train(tiny(**changes), shards, tmp_path / "stopped")
    train(tiny(**changes), shards, tmp_path / "stopped")

    assert_equal_states(final_state(tmp_path / "stopped"), final_state(tmp_path / "whole"))
    assert whole.bundle.load()(torch.randn(2, 8), torch.tensor([0, 1])).shape == (2, 3, 16, 16)


@pytest.mark.parametrize("forgotten", ["augmentation", "lecam"])
def test_kept_bug_a_resume_that_forgets_the_probability_or_lecam_is_another_run(
    tiny, shards, tmp_path, monkeypatch, forgotten
):
    from sagan.training.core.state import TrainingState

    config = tiny(augmentation=OVERFITTING | {"method": "ada", "target": -0.9})
    train(config, shards, tmp_path / "whole")
    with monkeypatch.context() as patch:
        Stop(patch, steps=5)
        with pytest.raises(TrainingInterrupted):
            train(config, shards, tmp_path / "stopped")
    original = TrainingState.load_state_dict

    def forget(state, saved):
        original(state, {name: part for name, part in saved.items() if name != forgotten})

    monkeypatch.setattr(TrainingState, "load_state_dict", forget)
    train(config, shards, tmp_path / "stopped")

    ours, whole = final_state(tmp_path / "stopped"), final_state(tmp_path / "whole")
    with pytest.raises(AssertionError):
        assert_equal_states(ours["discriminator"], whole["discriminator"])


@pytest.mark.parametrize(
    "forgotten", ["generator_optimizer", "discriminator_optimizer", "ema_generator", "images_seen"]
)
def test_kept_bug_a_resume_that_forgets_a_part_is_another_run(
    tiny, shards, whole, stopped, *, monkeypatch, forgotten
):
    from sagan.training.core.state import TrainingState

    original = TrainingState.load_state_dict

    def forget(state, saved):
        original(state, saved | {forgotten: state.state_dict()[forgotten]})

    monkeypatch.setattr(TrainingState, "load_state_dict", forget)
    train(tiny(), shards, stopped)

    with pytest.raises(AssertionError):
        assert_equal_states(final_state(stopped), whole)


def test_going_on_on_another_device_is_said(tiny, shards, tmp_path, monkeypatch, caplog):
    from sagan.training import run

    original = run.environment
    with monkeypatch.context() as patch:
        patch.setattr(run, "environment", lambda *a: original(*a) | {"device": "NVIDIA H100"})
        Stop(patch, steps=5)
        with pytest.raises(TrainingInterrupted):
            train(tiny(), shards, tmp_path)

    train(tiny(), shards, tmp_path)

    assert (
        'resumed under other conditions, not bit-exact: device: "NVIDIA H100" -> "cpu"'
        in caplog.text
    )


def test_a_checkpoint_of_another_version_is_refused_in_words(tiny, shards, tmp_path, monkeypatch):
    from sagan.training.core.state import TrainingState

    with monkeypatch.context() as patch:
        part = TrainingState.state_dict
        patch.setattr(TrainingState, "state_dict", lambda s: part(s) | {"ema_generator": {}})
        train(tiny(total_images=12), shards, tmp_path)

    with pytest.raises(ValueError, match="at 12 images does not fit this version of the code"):
        train(tiny(total_images=12), shards, tmp_path)
