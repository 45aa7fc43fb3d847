"""Whole runs of seconds: what they leave."""

import json
import logging
import shutil
import signal

import pytest
import torch

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.data.shards.store import ShardStore
from sagan.processes.lock import FolderInUseError, exclusive_folder
from sagan.processes.signals import TrainingInterrupted
from sagan.training import train
from sagan.training.store.identity import identity_hash, run_identity
from tests.drawn_images import draw_image_folder
from tests.program import program
from tests.training.whole_runs import Stop, assert_equal_states, final_state

make_shards = program("data")


@pytest.fixture
def complete(complete_runs, tmp_path):
    """A copy of the folder of a complete run."""
    return shutil.copytree(complete_runs, tmp_path, dirs_exist_ok=True)


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


def test_training_changes_both_networks_and_the_average_follows(
    tiny, shards, complete_runs, tmp_path
):
    train(tiny(total_images=4), shards, tmp_path)
    short, long = final_state(tmp_path), final_state(complete_runs)

    for network in ("generator", "discriminator", "ema_generator"):
        name = "head.linear.weight" if network == "discriminator" else "linear.weight"
        assert not torch.equal(short[network][name], long[network][name])


def test_handlers_are_restored(tiny, shards, tmp_path):
    before = signal.getsignal(signal.SIGTERM)

    train(tiny(total_images=4), shards, tmp_path)

    assert signal.getsignal(signal.SIGTERM) is before


def test_a_complete_run_is_not_trained_again(tiny, shards, tmp_path, caplog):
    first = train(tiny(), shards, tmp_path)
    with caplog.at_level(logging.INFO):
        second = train(tiny(), shards, tmp_path)

    assert "is complete" in caplog.text
    assert first.summary == second.summary
    assert first.journal == second.journal


def test_repeating_a_finished_run_leaves_the_record_of_its_training(tiny, shards, tmp_path, caplog):
    """What the export uses is of the later command."""
    first = train(tiny(run_name="one"), shards, tmp_path)
    with caplog.at_level(logging.INFO):
        again = tiny(threads=2, scoring={"metric": "recall"}, run_name="two", export_raw=True)
        second = train(again, shards, tmp_path)
    torch.set_num_threads(1)

    assert "other conditions" not in caplog.text
    assert second.journal == first.journal
    assert first.summary["fingerprint"]["threads"] == 1
    changed = {"run_name": "two"}
    fingerprint = first.summary["fingerprint"] | changed
    parameters = first.summary["parameters"] | changed | {"export_raw": True}
    assert second.summary == first.summary | {"fingerprint": fingerprint, "parameters": parameters}
    assert second.bundle.facts["fingerprint"] == fingerprint


def test_a_damaged_summary_is_written_anew(tiny, shards, tmp_path):
    summary = train(tiny(), shards, tmp_path).summary
    path = tmp_path / summary["fingerprint"]["run"] / "summary.json"
    path.write_text(path.read_text()[:-40])
    assert train(tiny(), shards, tmp_path).summary == summary


def test_what_follows_the_last_step_is_told(tiny, shards, tmp_path, caplog):
    """On one core its forward passes can take longer than a short training."""
    with caplog.at_level(logging.INFO):
        train(tiny(standing_batches=2), shards, tmp_path)
    assert "of the exported generator: 2 batches of " in caplog.text


def test_changed_parameters_are_another_run(tiny, shards, complete):
    train(tiny(generator_lr=2e-4), shards, complete)

    assert len(list(complete.iterdir())) == 2


def test_watching_differently_is_the_same_run(tiny, shards, complete):
    train(tiny(log_every_steps=3, checkpoint_every_images=20, keep_checkpoints=1), shards, complete)

    assert len(list(complete.iterdir())) == 1


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


def test_raw_weights_beside_an_average_are_those_of_a_run_without_one(
    tiny, shards, complete, tmp_path
):
    (made,) = complete.glob("*/generator/config.json")
    raw = GeneratorBundle.open(made.parent).choose("raw").load().state_dict()
    plain = train(tiny(ema_decay=None), shards, tmp_path).bundle
    assert plain.available == ("raw",)
    assert not (plain.path / "generator_raw.safetensors").exists()
    assert all(torch.equal(raw[name], w) for name, w in plain.load().state_dict().items())


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


def test_a_checkpoint_holds_what_the_run_is_and_where_it_was_computed(tiny, shards, complete):
    result = train(tiny(), shards, complete)  # which does not train again

    state = final_state(complete)
    assert state["identity"]["data"]["data_hash"] == shards.data_hash
    assert state["identity"]["parameters"]["generator_lr"] == 1e-4
    assert state["environment"]["torch"] == str(torch.__version__)
    assert result.summary["fingerprint"].items() >= state["environment"].items()
    assert result.summary["fingerprint"]["data_hash"] == shards.data_hash


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


def test_a_recipe_that_would_replace_a_given_parameter_is_refused(shards, tmp_path, capsys):
    from sagan.commands.group import main

    words = ["train", str(shards.path), "--out", str(tmp_path), "--recipe", "sagan"]

    assert main([*words, "--set", "generator_lr=1"]) == 1
    assert "training.recipe=sagan sets generator_lr itself" in capsys.readouterr().err


def test_emulated_bfloat16_is_warned_of(tiny, shards, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("sagan.training.run.computes_bf16", lambda _: False)

    train(tiny(precision="bf16", total_images=8), shards, tmp_path)

    assert "no instructions for bfloat16" in caplog.text


def test_a_batch_larger_than_the_data_is_said(tiny, shards, tmp_path, caplog):
    images = len(shards.split("train"))
    sizes = {"batch_size": images + 1, "total_images": images + 1}

    train(tiny(**sizes), shards, tmp_path / "large")
    assert f"batch_size {images + 1} is larger than the {images} training images" in caplog.text

    caplog.clear()
    train(tiny(total_images=4), shards, tmp_path / "small")
    assert "is larger than" not in caplog.text


def test_conditioning_on_one_class_is_warned_of(tiny, tmp_path, caplog):
    images = draw_image_folder(tmp_path / "images", classes=1)
    command = [str(images), "--image-size", "16", "--out", str(tmp_path), "--min-classes", "1"]
    assert make_shards(command) == 0
    one_class = ShardStore.open(next(tmp_path.glob("*/index.json")).parent)

    train(tiny(total_images=4), one_class, tmp_path / "runs")
    assert "training.recipe=sagan_unconditional" in caplog.text
    caplog.clear()
    without = {"generator": {"class_conditional": False}, "discriminator": {"head": "none"}}
    given = tiny(total_images=4).model.model_dump()
    model = {name: given[name] | without[name] for name in without}
    train(tiny(total_images=4, model=model), one_class, tmp_path / "runs")
    assert "sagan_unconditional" not in caplog.text


def test_a_run_holds_its_folder_and_is_one_process(tiny, shards, tmp_path, monkeypatch):
    monkeypatch.setattr("sagan.processes.lock._LEAVING_SECONDS", 0.0)
    config = tiny(total_images=8)
    run = tmp_path / identity_hash(run_identity(config, shards))
    with exclusive_folder(run), pytest.raises(FolderInUseError, match=r"by process \d+ on"):
        train(config, shards, tmp_path)
    train(config, shards, tmp_path)

    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ValueError, match="torchrun started 4 processes"):
        train(config, shards, tmp_path)
