"""Where attention stands if no list says so: by the images' size, and recorded as that list."""

import json

import pytest

from sagan.network_config import IMAGE_SIZES, ModelConfig
from sagan.training import train
from sagan.training.config import TrainingConfig
from sagan.training.config.networks import network_faults
from sagan.training.store.identity import identity_hash, run_identity
from sagan.tuning.config import TuningConfig
from sagan.tuning.run import prepare
from sagan.tuning.space import SearchSpace
from sagan.tuning.study import study_settings
from tests.small_world import TRAINING, small_shards
from tests.tuning.conftest import STUDY
from tests.tuning.conftest import TRAINING as TUNED

PLACES = {8: (8, 4), 16: (8, 8), 32: (16, 16), 64: (32, 32), 128: (32, 32)} | {
    256: (32, 32),
    512: (32, 32),
}


def attention(model: ModelConfig) -> tuple:
    return model.generator.attention_resolutions, model.discriminator.attention_resolutions


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
def test_it_follows_the_size_in_both_networks(image_size):
    generator, discriminator = PLACES[image_size]

    assert attention(ModelConfig().for_image_size(image_size)) == ((generator,), (discriminator,))
    assert network_faults(ModelConfig(), image_size=image_size) == []


def test_a_list_means_what_it_says():
    lists = {"attention_resolutions": [16, 64]}, {"attention_resolutions": []}
    model = ModelConfig(generator=lists[0], discriminator=lists[1])

    assert attention(model.for_image_size(128)) == ((16, 64), ())
    (fault,) = network_faults(model, image_size=32)
    assert "generator.attention_resolutions: no feature map of [64] px" in fault


def without_lists(settings: dict) -> dict:
    """The small world's networks, of 16 px, whose lists are those of the rule."""
    model = {name: dict(network) for name, network in settings["model"].items()}
    for network in model.values():
        assert network.pop("attention_resolutions") == [8]
    return settings | {"model": model}


def test_the_run_is_that_of_the_list_which_is_recorded(tiny, shards, tmp_path):
    listed = tiny(total_images=4)
    followed = tiny(**without_lists(TRAINING) | {"total_images": 4})
    assert attention(followed.model) == (None, None)
    assert identity_hash(run_identity(followed, shards)) == identity_hash(
        run_identity(listed, shards)
    )

    bundle = train(followed, shards, tmp_path).bundle

    assert bundle.config["generator"]["attention_resolutions"] == [8]
    assert bundle.load().attention_resolutions == (8,)
    recorded = json.loads((bundle.path.parent / "identity.json").read_text())["parameters"]
    assert recorded["model"]["discriminator"]["attention_resolutions"] == [8]


def test_a_study_is_that_of_the_list(tmp_path):
    """Also where it searches among lists, of which the training's own must be one."""
    shards = small_shards(tmp_path / "shards")
    config = TuningConfig.model_validate(STUDY | {"warm_starts": {"own": {}}})

    def settings(values: dict) -> dict:
        training = TrainingConfig(**values)
        spec = prepare(config, training, shards, tmp_path, feature_cache=None, objective=None)
        space = SearchSpace(spec.config.search_space, spec.training)
        assert space.own_values()["model.generator.attention_resolutions"] == [8]
        return study_settings(spec.config, space, {})

    assert settings(without_lists(TUNED)) == settings(TUNED)
