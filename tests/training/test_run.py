"""Whole runs of seconds: what they leave, and that a stopped one goes on bit for bit."""

import json
import logging
import os
import shutil
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
from sagan.training.steps import NonFiniteError
from tests.training.conftest import TINY


def final_state(workspace, name="*"):
    newest = max(workspace.glob(f"{name}/checkpoint-*.pt"))
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
    assert result.bundle.shown_names == ("disc", "01_square", "02_triangle")
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
    config.write_text(yaml.safe_dump({"training": TINY | {"total_images": 200}}))
    command = [sys.executable, "-m", "sagan.training", str(shards.path), "--config", str(config)]
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


def test_raw_weights_are_exported_beside_the_averaged_ones(tiny, shards, tmp_path):
    """Switched off or on is the same run, and the same averaged file, bit for bit."""
    alone = train(tiny(export_raw=False), shards, tmp_path).bundle
    assert alone.available == ("ema",)
    averaged = (alone.path / "generator.safetensors").read_bytes()
    torch.manual_seed(7)
    before = torch.get_rng_state()

    both = train(tiny(), shards, tmp_path).bundle

    assert len(list(tmp_path.iterdir())) == 1
    assert torch.equal(torch.get_rng_state(), before)
    assert (both.path / "generator.safetensors").read_bytes() == averaged
    assert both.available == ("ema", "raw")
    raw = both.choose("raw")
    assert raw.facts == both.facts | {"weights": "raw", "ema_decay": None}
    assert raw.facts["batch_norm_statistics"] == "standing, 2 batches of 4"
    trained, kept = final_state(tmp_path)["generator"], raw.load().state_dict()
    learned = [name for name in trained if name in dict(raw.load().named_parameters())]
    assert all(torch.equal(trained[name], kept[name]) for name in learned)
    means = [name for name in kept if name.endswith("running_mean")]
    assert any(not torch.equal(trained[name], kept[name]) for name in means), (
        "statistics of its own"
    )
    averages = both.load().state_dict()
    assert any(not torch.equal(averages[name], kept[name]) for name in learned)
    assert any(not torch.equal(averages[name], kept[name]) for name in means)


def test_raw_weights_beside_an_average_are_those_of_a_run_without_one(tiny, shards, tmp_path):
    raw = train(tiny(), shards, tmp_path).bundle.choose("raw").load().state_dict()
    plain = train(tiny(ema_decay=None), shards, tmp_path).bundle
    assert plain.available == ("raw",)
    assert not (plain.path / "generator_raw.safetensors").exists()
    assert all(torch.equal(raw[name], w) for name, w in plain.load().state_dict().items())


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


def test_a_run_that_diverges_keeps_its_checkpoint_and_writes_the_facts(
    tiny, shards, tmp_path, monkeypatch
):
    """An image that is not finite, in the seventh update."""
    from sagan.training import loop

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
    from sagan.training import loop

    original = loop.to_float
    monkeypatch.setattr(loop, "to_float", lambda images: original(images) / 0)

    with pytest.raises(NonFiniteError, match=r"after 0 images\. There is no checkpoint yet; lower"):
        train(tiny(), shards, tmp_path)


def test_rates_fall_linearly_to_the_end_and_go_on_after_a_stop(tiny, shards, tmp_path, monkeypatch):
    linear = {"lr_schedule": "linear", "generator_lr": 1e-3, "discriminator_lr": 2e-3}
    whole = train(tiny(**linear), shards, tmp_path / "whole")
    rates = [record["generator_lr"] for record in whole.journal]

    assert rates == pytest.approx([1e-3 * (1 - step / 10) for step in range(10)])
    assert whole.journal[-1]["discriminator_lr"] == pytest.approx(2e-4)
    with monkeypatch.context() as patch:
        Stop(patch, steps=5)
        with pytest.raises(TrainingInterrupted):
            train(tiny(**linear), shards, tmp_path / "stopped")
    train(tiny(**linear), shards, tmp_path / "stopped")
    assert_equal_states(final_state(tmp_path / "stopped"), final_state(tmp_path / "whole"))


@pytest.mark.parametrize(
    "changes",
    [
        {"preset": "sngan_projection"},
        {"preset": "acgan"},
        {"preset": "sagan_unconditional"},
        {"preset": "sagan_residual"},
        {"preset": "sagan_paper"},
        {"preset": "sagan_sn_d_only", "loss": "bce"},
        {"precision": "bf16", "images_per_pass": 2},
    ],
    ids=str,
)
def test_every_kind_of_run_stops_and_goes_on_bit_for_bit(
    tiny, shards, tmp_path, monkeypatch, changes
):
    changes = changes | {"total_images": 4 * tiny(**changes).images_per_step}
    changes |= {"checkpoint_every_images": tiny(**changes).images_per_step}
    whole = train(tiny(**changes), shards, tmp_path / "whole")
    with monkeypatch.context() as patch:
        Stop(patch, steps=2)
        with pytest.raises(TrainingInterrupted):
            train(tiny(**changes), shards, tmp_path / "stopped")
    train(tiny(**changes), shards, tmp_path / "stopped")

    assert_equal_states(final_state(tmp_path / "stopped"), final_state(tmp_path / "whole"))
    assert whole.bundle.load()(torch.randn(2, 8), torch.tensor([0, 1])).shape == (2, 3, 16, 16)


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


def test_a_checkpoint_holds_what_the_run_is_and_where_it_was_computed(tiny, shards, tmp_path):
    result = train(tiny(), shards, tmp_path)

    state = final_state(tmp_path)
    assert state["identity"]["data"]["data_hash"] == shards.data_hash
    assert state["identity"]["parameters"]["generator_lr"] == 1e-4
    assert state["environment"]["torch"] == str(torch.__version__)
    assert result.summary["fingerprint"].items() >= state["environment"].items()
    assert result.summary["fingerprint"]["data_hash"] == shards.data_hash


def test_a_folder_that_may_not_be_written_is_told_before_the_first_step(tiny, shards, tmp_path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(OSError, match="Not a directory"):
        train(tiny(), shards, tmp_path / "file")


def test_event_files_are_written_beside_the_journal(tiny, shards, tmp_path):
    train(tiny(watch={"every_steps": 5}), shards, tmp_path)

    assert list(tmp_path.glob("*/tensorboard/events.out.tfevents.*"))


def test_looks_of_the_watch_are_in_the_journal(tiny, shards, tmp_path):
    result = train(tiny(watch={"every_steps": 4}), shards, tmp_path)

    looked = [r["step"] for r in result.journal if "diversity" in r]
    assert looked == [4, 8, 10]  # and at the end
    assert "attention_entropy/generator/8x8_attention" in result.journal[3]


def test_watching_does_not_change_the_weights(tiny, shards, tmp_path):
    train(tiny(watch={"enabled": False}), shards, tmp_path / "off")
    train(tiny(watch={"every_steps": 1}), shards, tmp_path / "on")
    off, on = final_state(tmp_path / "off"), final_state(tmp_path / "on")
    off.pop("watched"), on.pop("watched")

    assert_equal_states(off, on)


def test_weights_that_are_not_finite_are_never_saved(tiny, shards, tmp_path, monkeypatch):
    """An average that broke between two updates, whose losses stay finite."""
    from sagan.training import loop

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


class Broken:
    """Call something else in a function's place, after so many calls."""

    def __init__(self, monkeypatch, module, name, *, after, change):
        original, calls = getattr(module, name), []

        def called(*arguments):
            calls.append(None)
            return (change if len(calls) > after else original)(*arguments)

        monkeypatch.setattr(module, name, called)


@pytest.mark.parametrize(
    "forgotten", ["generator_optimizer", "discriminator_optimizer", "ema_generator", "images_seen"]
)
def test_kept_bug_a_resume_that_forgets_a_part_is_another_run(
    tiny, shards, tmp_path, monkeypatch, forgotten
):
    from sagan.training.state import TrainingState

    train(tiny(), shards, tmp_path / "whole")
    with monkeypatch.context() as patch:
        Stop(patch, steps=5)
        with pytest.raises(TrainingInterrupted):
            train(tiny(), shards, tmp_path / "stopped")
    original = TrainingState.load_state_dict

    def forget(state, saved):
        original(state, saved | {forgotten: state.state_dict()[forgotten]})

    monkeypatch.setattr(TrainingState, "load_state_dict", forget)
    train(tiny(), shards, tmp_path / "stopped")

    with pytest.raises(AssertionError):
        assert_equal_states(final_state(tmp_path / "stopped"), final_state(tmp_path / "whole"))


def test_too_little_room_is_told_before_the_first_step(tiny, shards, tmp_path, monkeypatch):
    from sagan.training import run

    room = shutil._ntuple_diskusage(10**9, 10**9, 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    monkeypatch.setattr(run, "training_loop", None)  # nothing is to be trained

    with pytest.raises(OSError, match=r"bytes needed, 1,000 bytes free; make room"):
        train(tiny(), shards, tmp_path)

    assert not list(tmp_path.glob("*/.*"))


def test_going_on_on_another_device_is_said(tiny, shards, tmp_path, monkeypatch, caplog):
    from sagan.training import run

    original = run.environment
    with monkeypatch.context() as patch:
        patch.setattr(run, "environment", lambda *a: original(*a) | {"device": "NVIDIA H100"})
        Stop(patch, steps=5)
        with pytest.raises(TrainingInterrupted):
            train(tiny(), shards, tmp_path)

    train(tiny(), shards, tmp_path)

    assert 'resumed elsewhere, not bit-exact: device: "NVIDIA H100" -> "cpu"' in caplog.text


def test_a_checkpoint_of_another_version_is_refused_in_words(tiny, shards, tmp_path, monkeypatch):
    from sagan.training.state import TrainingState

    with monkeypatch.context() as patch:
        part = TrainingState.state_dict
        patch.setattr(TrainingState, "state_dict", lambda s: part(s) | {"ema_generator": {}})
        train(tiny(total_images=12), shards, tmp_path)

    with pytest.raises(ValueError, match="at 12 images does not fit this version of the code"):
        train(tiny(total_images=12), shards, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_amid_the_imports_ends_with_75_and_one_line(shards, tmp_path, number):
    code = (
        "import builtins, os, sys\n"
        "from sagan.training.__main__ import main\n"
        "original = builtins.__import__\n"
        "def importing(name, *rest):\n"
        f"    if name == 'torch': os.kill(os.getpid(), {int(number)})\n"
        "    return original(name, *rest)\n"
        "builtins.__import__ = importing\n"
        f"sys.exit(main([{str(shards.path)!r}, '--out', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 75
    assert done.stderr == (
        f"{number.name}: stopped before training began; the same command starts it\n"
    )


def test_a_second_ctrl_c_stops_at_once_and_keeps_what_was_saved(
    tiny, shards, tmp_path, monkeypatch
):
    from sagan.training import loop

    def press(*_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        Broken(patch, loop, "update_ema", after=4, change=press)
        with pytest.raises(KeyboardInterrupt):
            train(tiny(), shards, tmp_path)

    assert final_state(tmp_path)["images_seen"] == 12


def test_a_preset_that_would_replace_a_given_parameter_is_refused(shards, tmp_path, caplog):
    from sagan.training.__main__ import main

    words = [str(shards.path), "--out", str(tmp_path), "--preset", "sagan"]

    assert main([*words, "--set", "generator_lr=1"]) == 1
    assert "training.preset=sagan sets generator_lr itself" in caplog.text
