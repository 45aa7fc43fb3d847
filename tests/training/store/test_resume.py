"""Going on from another run, or from an own folder that holds something else."""

import json

import pytest
import torch

from sagan.training import train
from sagan.training.store.identity import code_hash
from tests.training.conftest import TINY
from tests.training.whole_runs import assert_equal_states, final_state


@pytest.fixture
def short(tiny, shards, tmp_path):
    """A finished run of 20 images, by its name."""
    train(tiny(total_images=20), shards, tmp_path)
    return next(path.name for path in tmp_path.iterdir())


def final_state_of(folder):
    state = final_state(folder.parent, name=folder.name)
    for key in ("identity", "environment", "watched"):  # a run's end is one look of the watch more
        state.pop(key)
    return state


def test_a_longer_run_equals_one_that_was_never_cut(tiny, shards, tmp_path, short):
    train(tiny(total_images=40), shards, tmp_path / "whole")

    longer = train(tiny(total_images=40, continue_from=short), shards, tmp_path)

    whole = final_state_of(next((tmp_path / "whole").iterdir()))
    ours = final_state_of(longer.bundle.path.parent)
    assert_equal_states(ours, whole)
    assert longer.journal[0]["images_seen"] == 24


def test_by_folder_as_well(tiny, shards, tmp_path, short):
    result = train(tiny(continue_from=str(tmp_path / short)), shards, tmp_path / "elsewhere")

    assert result.journal[0]["images_seen"] == 24


WIDE = {"base_channels": 16, "latent_dim": 8, "attention_resolutions": [8]}
OTHER_RUNS = {
    "model.generator.base_channels: 8 -> 16": {
        "model": TINY["model"] | {"generator": WIDE},
    },
    "generator_lr: 0.0001 -> 0.0005": {"generator_lr": 5e-4},
    "seed: 0 -> 1": {"seed": 1},
}


@pytest.mark.parametrize("difference", OTHER_RUNS)
def test_another_run_is_refused_with_what_differs(tiny, shards, tmp_path, short, difference):
    with pytest.raises(ValueError, match="continue from differs from this one") as refused:
        train(tiny(continue_from=short, **OTHER_RUNS[difference]), shards, tmp_path)

    assert difference in str(refused.value)


def test_other_data_and_classes_are_refused(tiny, shards, tmp_path, short):
    identity = tmp_path / short / "identity.json"
    before = json.loads(identity.read_text())
    before["data"] |= {"data_hash": "another", "classes": 7}
    identity.write_text(json.dumps(before))

    with pytest.raises(ValueError, match="continue from differs from this one") as refused:
        train(tiny(continue_from=short), shards, tmp_path)

    assert "data.classes: 7 -> 3" in str(refused.value)
    assert 'data.data_hash: "another" -> ' in str(refused.value)
    assert "architecture, data and classes must stay as they were" in str(refused.value)


def test_a_changed_rate_goes_on_where_it_is_allowed(tiny, shards, tmp_path, short):
    allowed = {"allow_changed": ["generator_lr"], "generator_lr": 5e-4}

    result = train(tiny(continue_from=short, **allowed), shards, tmp_path)

    state = final_state_of(result.bundle.path.parent)
    assert state["generator_optimizer"]["param_groups"][0]["lr"] == 5e-4
    assert state["discriminator_optimizer"]["param_groups"][0]["lr"] == 4e-4


def test_an_average_begun_later_begins_with_the_weights_of_that_moment(tiny, shards, tmp_path):
    """Not with the fresh ones of before the first step, which no run has any use for."""
    train(tiny(total_images=20, ema_decay=None), shards, tmp_path / "plain")
    plain = next((tmp_path / "plain").iterdir())
    options = {"continue_from": str(plain), "allow_changed": ["ema_decay"], "ema_decay": 0.25}

    result = train(tiny(total_images=24, **options), shards, tmp_path)

    before, after = final_state_of(plain), final_state_of(result.bundle.path.parent)
    assert "ema_generator" not in before
    for name in dict(result.bundle.load().named_parameters()):
        expected = 0.25 * before["generator"][name] + 0.75 * after["generator"][name]
        torch.testing.assert_close(after["ema_generator"][name], expected)


def test_augmentation_begun_later_begins_at_0_and_ends_where_it_is_left_out(
    tiny, shards, tmp_path, short
):
    options = {"allow_changed": ["augmentation"], "augmentation": {"method": "ada"}}
    options["augmentation"] |= {"lecam_weight": 0.1, "lecam_warmup_steps": 1, "ramp_images": 80}
    augmented = train(tiny(continue_from=short, total_images=28, **options), shards, tmp_path)
    folder = augmented.bundle.path.parent
    state = final_state_of(folder)
    assert state["lecam"]["updates"] == 2
    assert state["augmentation"]["signs"][1] == 8

    plain = {"continue_from": folder.name, "allow_changed": ["augmentation"]}
    plain = train(tiny(total_images=32, **plain), shards, tmp_path)
    assert not {"augmentation", "lecam"} & final_state_of(plain.bundle.path.parent).keys()


def test_a_run_of_before_there_was_augmentation_goes_on_without_it(tiny, shards, tmp_path, short):
    identity = tmp_path / short / "identity.json"
    before = json.loads(identity.read_text())
    del before["parameters"]["augmentation"]
    identity.write_text(json.dumps(before))

    train(tiny(continue_from=short, total_images=24), shards, tmp_path)
    with pytest.raises(ValueError, match=r"augmentation.method: \"none\" -> \"ada\""):
        train(tiny(continue_from=short, augmentation={"method": "ada"}), shards, tmp_path)


def test_a_budget_already_used_is_refused(tiny, shards, tmp_path, short):
    with pytest.raises(ValueError, match=r"has seen 20 images already.*set it higher"):
        train(tiny(continue_from=short, total_images=16), shards, tmp_path)


def test_a_run_that_is_not_there_names_those_that_are(tiny, shards, tmp_path, short):
    with pytest.raises(FileNotFoundError, match=rf"no run at 'nowhere'.*{short}"):
        train(tiny(continue_from="nowhere"), shards, tmp_path)


def test_a_run_without_a_checkpoint_is_refused(tiny, shards, tmp_path, short):
    for path in (tmp_path / short).glob("checkpoint-*"):
        path.unlink()

    with pytest.raises(FileNotFoundError, match="has no checkpoint yet"):
        train(tiny(continue_from=short), shards, tmp_path)


def test_a_folder_that_holds_another_run_is_refused(tiny, shards, tmp_path):
    train(tiny(total_images=8), shards, tmp_path)
    identity = next(tmp_path.glob("*/identity.json"))
    other = json.loads(identity.read_text())
    other["parameters"]["generator_lr"] = 1.0
    identity.write_text(json.dumps(other))

    with pytest.raises(ValueError, match=r"generator_lr: 1\.0 -> 0\.0001"):
        train(tiny(total_images=8), shards, tmp_path)

    identity.write_text("{")
    with pytest.raises(ValueError, match=r"identity\.json is damaged"):
        train(tiny(total_images=8), shards, tmp_path)


def test_a_run_is_of_the_code_that_was_there_when_the_process_began(monkeypatch):
    """Files that are edited while runs follow one another have no part in them."""
    first = code_hash()
    monkeypatch.setattr(
        "sagan.training.store.identity.source_hash", lambda *_, **__: "of other code"
    )

    assert code_hash() == first
