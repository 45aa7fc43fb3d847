"""Runs that start from a trained model: where it lies, what is recorded, and resuming."""

import json
import shutil

import pytest
import torch

from sagan.processes.signals import TrainingInterrupted
from sagan.training import train
from sagan.training.core.state import TrainingState
from sagan.training.store.identity import run_identity
from sagan.training.store.trained_model import check_start, find_model
from tests.small_world import SCORING, small_bundle
from tests.training.whole_runs import Stop, assert_equal_states, final_state

CPU = torch.device("cpu")
PLAIN = {"ema_decay": None, "total_images": 8, "watch": {"enabled": False}, "tensorboard": False}


@pytest.fixture(scope="module")
def source(shards, tmp_path_factory):
    """A finished run of other parameters, as a folder that tests copy."""
    from tests.training.conftest import TINY, TrainingConfig

    runs = tmp_path_factory.mktemp("source")
    config = TrainingConfig(**(TINY | {"total_images": 20, "seed": 3, "generator_lr": 5e-4}))
    return train(config, shards, runs).bundle.path.parent


@pytest.fixture
def model(source, tmp_path):
    return shutil.copytree(source, tmp_path / "model")


@pytest.fixture
def fresh_run(tiny, shards, tmp_path):
    """Train for two steps, some parameters changed."""
    return lambda **changes: train(tiny(total_images=8, **changes), shards, tmp_path / "runs")


@pytest.fixture
def fresh_state(tiny, shards):
    return TrainingState(tiny(), shards, CPU)


def newest(run):
    return max(run.glob("checkpoint-*.pt"))


def run_folder(runs):
    (path,) = (p.parent for p in runs.glob("*/identity.json"))
    return path


def starts(result):
    return [record for record in result.journal if record.get("event") == "started_from"]


@pytest.fixture
def started_states(monkeypatch):
    """The networks of each run at its start, before the first step."""
    from sagan.training import run

    found, original = [], run.training_loop

    def seen(state, *arguments):
        found.append({k: v for k, v in _copied(state.state_dict()).items() if "optim" not in k})
        yield from original(state, *arguments)

    monkeypatch.setattr(run, "training_loop", seen)
    return found


def _copied(state):
    return {
        key: {name: t.clone() for name, t in part.items()} if "optim" not in key else part
        for key, part in state.items()
        if isinstance(part, dict)
    }


def test_a_run_starts_with_the_weights_of_the_model(fresh_run, model, started_states, caplog):
    """The averaged ones become the average; optimisers, images and time begin at 0."""
    caplog.set_level("INFO")
    result = fresh_run(start_from=str(model))

    saved, (at_start,) = torch.load(newest(model), weights_only=True), started_states
    for network in ("generator", "discriminator", "ema_generator"):
        assert_equal_states(at_start[network], saved[network])
    assert result.summary["images_seen"] == 8
    (event,) = starts(result)
    assert (event["step"], event["images_seen"]) == (0, 0)
    start = event["start"]
    assert start["given"] == str(model)
    assert start["sha256"] == find_model(str(model), None).sha256
    assert start["generator"]["taken"] == start["generator"]["tensors"]
    assert start["classes"]["kept"] == ["00_circle", "01_square", "02_triangle"]
    assert result.summary["started_from"] == result.bundle.facts["started_from"] == start
    assert event["message"] in caplog.text
    assert "tensors taken" in event["message"]


def test_a_run_without_a_model_records_none(source):
    assert "started_from" not in json.loads((source / "summary.json").read_text())
    assert '"start' not in (source / "journal.jsonl").read_text()
    assert "start_from" not in json.loads((source / "identity.json").read_text())


def test_the_name_of_a_run_its_folder_and_its_checkpoint_are_one_model(
    tiny, shards, tmp_path, model
):
    ways = {
        "model": find_model("model", tmp_path),
        "folder": find_model(str(model), None),
        "file": find_model(str(newest(model)), None),
    }

    assert len({way.sha256 for way in ways.values()}) == 1
    identities = [
        run_identity(tiny(start_from=way), shards, tmp_path)
        for way in ("model", str(model), str(newest(model)))
    ]
    assert identities[0] == identities[1] == identities[2]
    assert identities[0]["start_from"] == ways["model"].sha256
    assert "start_from" not in identities[0]["parameters"]


def test_of_a_scored_run_the_best_checkpoint_is_taken(tiny, shards, tmp_path):
    config = tiny(total_images=24, scoring=SCORING, keep_checkpoints=2)
    run = train(config, shards, tmp_path).bundle.path.parent
    for path, score in zip(sorted(run.glob("checkpoint-*.json")), (1.0, 2.0), strict=True):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"score": score}))

    assert find_model(str(run), None).path == min(run.glob("checkpoint-*.pt"))


def test_a_bundle_starts_generator_and_average_and_warns_of_the_discriminator(
    fresh_run, fresh_state, model, started_states, caplog
):
    options = {"start_from": str(model / "generator"), "freeze_discriminator_layers": 1}
    fresh_run(**options)

    (at_start,) = started_states
    weights = find_model(options["start_from"], None).load().of("generator")
    assert_equal_states(at_start["generator"], weights)
    assert_equal_states(at_start["ema_generator"], weights)
    assert_equal_states(at_start["discriminator"], fresh_state.discriminator.state_dict())
    assert "a checkpoint of that run would serve better" in caplog.text
    assert "freeze_discriminator_layers keeps 11 tensors at new weights" in caplog.text


def test_a_resumed_run_needs_no_model_and_equals_an_uncut_one(tiny, shards, tmp_path, model):
    config = tiny(start_from=str(model), total_images=24)
    train(config, shards, tmp_path / "whole")
    with pytest.MonkeyPatch.context() as patch:
        Stop(patch, 3)
        with pytest.raises(TrainingInterrupted):
            train(config, shards, tmp_path / "cut")
    shutil.rmtree(model)

    check_start(config, 16, tmp_path / "cut")
    result = train(config, shards, tmp_path / "cut")

    assert_equal_states(final_state(tmp_path / "cut"), final_state(tmp_path / "whole"))
    assert len(starts(result)) == 1
    assert result.bundle.facts["started_from"] == starts(result)[0]["start"]


def test_a_moved_model_is_the_same_run_and_a_changed_one_another(
    tiny, shards, tmp_path, model, source
):
    runs, moved = tmp_path / "runs", tmp_path / "moved"
    train(tiny(start_from=str(model), **PLAIN), shards, runs)
    model.rename(moved)

    again = train(tiny(start_from=str(moved), **PLAIN), shards, runs)
    assert again.bundle.path.parent == run_folder(runs)

    newest(moved).unlink()
    train(tiny(start_from=str(moved), **PLAIN), shards, runs)
    assert len(list(runs.glob("*/identity.json"))) == 2


def test_a_start_that_was_cut_before_its_checkpoint_is_recorded_once(tiny, shards, tmp_path, model):
    config = tiny(start_from=str(model), total_images=24)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sagan.training.run.training_loop", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train(config, shards, tmp_path / "runs")

    assert len(starts(train(config, shards, tmp_path / "runs"))) == 1


def test_a_model_that_is_gone_before_a_checkpoint_is_missed(tiny, shards, tmp_path, model):
    config = tiny(start_from=str(model), **PLAIN)
    run = train(config, shards, tmp_path / "runs").bundle.path.parent
    shutil.rmtree(model)
    for path in run.glob("checkpoint-*"):
        path.unlink()

    for begin in (
        lambda: train(config, shards, tmp_path / "runs"),
        lambda: check_start(config, None, tmp_path / "runs"),
    ):
        with pytest.raises(FileNotFoundError, match=r"training\.start_from: there is no path"):
            begin()


class Exploit:
    def __reduce__(self):
        return (print, ("code was run",))


def test_a_foreign_pickle_is_refused_and_not_run(tiny, shards, tmp_path, model, capfd):
    path = newest(model)
    torch.save({"generator": Exploit(), "discriminator": {}}, path)
    facts = json.loads(path.with_suffix(".json").read_text())
    sha256 = find_model(str(path), None).sha256
    path.with_suffix(".json").write_text(json.dumps(facts | {"sha256": sha256}))

    with pytest.raises(ValueError, match=r"training\.start_from: .* cannot be used"):
        train(tiny(start_from=str(path), **PLAIN), shards, tmp_path / "runs")
    assert "code was run" not in capfd.readouterr().out


def faults(tmp_path):
    """What is no model: a path, and a part of the message."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no model")
    torch.save({"generator": {}}, tmp_path / "alone.pt")
    other = small_bundle(tmp_path / "bundle").path
    (other / "config.json").write_text('{"format": "another"}')
    return {
        "nowhere": (FileNotFoundError, "there is no path"),
        "empty": (FileNotFoundError, "neither a generator bundle"),
        "text.txt": (ValueError, "is not a checkpoint"),
        "alone.pt": (ValueError, "its .json"),
        "bundle": (ValueError, "format 'another'"),
    }


def test_what_is_no_model_is_refused_before_the_run(tiny, shards, tmp_path):
    for name, (kind, message) in faults(tmp_path).items():
        config = tiny(start_from=str(tmp_path / name), **PLAIN)
        for begin in (
            lambda config=config: check_start(config, 16, None),
            lambda config=config: train(config, shards, tmp_path / "runs"),
        ):
            with pytest.raises(kind, match=r"training\.start_from") as refused:
                begin()
            assert message in str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_a_damaged_checkpoint_and_one_of_something_else_are_refused(tiny, tmp_path, model):
    path = newest(model)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="sha256 is not"):
        check_start(tiny(start_from=str(path)), 16, None)

    from tests.training.stored import filled, path_of

    store = filled(tmp_path / "other", 1, {4: None})
    with pytest.raises(ValueError, match="holds no generator and discriminator"):
        check_start(tiny(start_from=str(path_of(store, 4))), 16, None)
    for file in store.path.glob("*.pt"):
        file.write_bytes(b"damaged")
    with pytest.raises(ValueError, match=r"all checkpoints in .* are damaged"):
        check_start(tiny(start_from=str(store.path)), 16, None)


def test_a_model_of_other_channels_is_refused_before_the_run(tiny, tmp_path, model):
    grey = small_bundle(tmp_path / "grey", channels=1).path
    for given, channels, found in ((grey, 3, "1 channel,"), (model, 1, "3 channels,")):
        config = tiny(start_from=str(given))
        with pytest.raises(ValueError, match=f"makes images of {found}") as refused:
            check_start(config, 16, None, image_channels=channels)
        assert str(refused.value).startswith("training.start_from: ")


def test_a_model_that_does_not_fit_is_refused_before_the_run(tiny, shards, tmp_path, model):
    other = tiny().model.model_dump()
    for network in other.values():
        network["base_channels"] = 16
    config = tiny(start_from=str(model), model=other, **PLAIN)

    for begin in (
        lambda: check_start(config, 16, None),
        lambda: train(config, shards, tmp_path / "runs"),
    ):
        with pytest.raises(ValueError, match=r"training\.start_from: .*no weights of the model"):
            begin()


def test_names_of_classes_come_from_the_bundle_where_a_checkpoint_has_none(
    tiny, shards, tmp_path, model, caplog
):
    """As earlier versions wrote them."""
    from sagan.training.store.checkpoint_files import write_checkpoint

    state = torch.load(newest(model), weights_only=True)
    assert state.pop("class_names") == list(shards.class_names)
    write_checkpoint(newest(model), state, {"images_seen": 20, "number": 1})
    assert find_model(str(model), None).load().class_names == shards.class_names

    shutil.rmtree(model / "generator")
    assert find_model(str(model), None).load().class_names is None
    train(tiny(start_from=str(model), **PLAIN), shards, tmp_path / "runs")
    assert "does not say which classes it knows" in caplog.text


def test_a_run_is_not_continued_and_started_at_once(tiny):
    with pytest.raises(ValueError, match="continue_from and start_from exclude each other"):
        tiny(start_from="a", continue_from="b")
