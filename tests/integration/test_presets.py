"""The environments in conf/: each complete and valid; imagenet128 is the paper's run."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader
from kedro.validation.type_extractor import TypeExtractor

from sagan.comparison.variants import entries
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import build_generator
from sagan.pipeline_registry import register_pipelines
from sagan.settings import CONFIG_LOADER_ARGS
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import total_steps

CONF = Path(__file__).parents[2] / "conf"
# each station's model, as its nodes' hints name it
MODELS = TypeExtractor(register_pipelines()).extract_types_from_pipelines()
PRESETS = sorted(path.name for path in CONF.iterdir() if (path / "globals.yml").exists())


def parameters(preset: str) -> dict:
    loader = OmegaConfigLoader(str(CONF), env=preset, **CONFIG_LOADER_ARGS)
    return {name: MODELS[name](**values) for name, values in loader["parameters"].items()}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_configures_every_station(preset):
    assert parameters(preset).keys() == MODELS.keys()


@pytest.mark.parametrize("preset", PRESETS)
def test_every_presets_contestants_can_be_built(preset):
    chosen = parameters(preset)
    size = chosen["preprocessing"].image_size
    images = SimpleNamespace(image_size=size, num_classes=10, key="key", data_hash="hash")

    runs = entries(chosen["comparison"], chosen["training"], images)

    assert {run.contestant for run in runs} >= {"sagan", "sngan_projection", "acgan"}
    assert len({run.training.total_images for run in runs}) == 1


def test_presets_write_to_folders_of_their_own():
    loaders = [OmegaConfigLoader(str(CONF), env=preset) for preset in PRESETS]

    assert len({loader["globals"]["data_root"] for loader in loaders}) == len(PRESETS)


def test_imagenet128_is_the_released_run():
    chosen = parameters("imagenet128")
    training = chosen["training"]

    assert chosen["preprocessing"].image_size == 128
    assert chosen["data_validation"].thresholds["min_classes"] == 1000
    assert chosen["data_validation"].thresholds["max_classes"] == 1000
    assert total_steps(training) == 1_000_000
    # every other number of training is the model's default: the authors' release
    machine = {"threads", "device", "log_every_steps", "checkpoint_every_images", "watch"}
    machine |= {"scoring"}
    assert training.model_dump(exclude=machine) == TrainingConfig().model_dump(exclude=machine)
    assert (chosen["evaluation"].features, chosen["evaluation"].num_samples) == ("inception", 50000)
    assert chosen["evaluation"].reference_split == "train"


def test_imagenet128_builds_the_networks_at_full_size():
    model = parameters("imagenet128")["training"].model
    sizes = {"image_size": 128, "num_classes": 1000}
    networks = (
        build_generator(model.generator, **sizes),
        build_discriminator(model.discriminator, **sizes),
    )

    counts = [sum(p.numel() for p in network.parameters()) for network in networks]

    assert counts == [42_078_852, 39_463_618]
