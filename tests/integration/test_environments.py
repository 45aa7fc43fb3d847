"""The environments in conf/: each complete and valid; imagenet128 is the paper's run."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader
from kedro.validation.type_extractor import TypeExtractor

from sagan.comparison.variants import build_variants, plan_runs
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import build_generator
from sagan.network_config import IMAGE_SIZES
from sagan.pipeline_registry import register_pipelines
from sagan.settings import CONFIG_LOADER_ARGS
from sagan.training.config import TrainingConfig
from sagan.training.config.networks import network_faults
from sagan.training.core.sizes import total_steps
from sagan.tuning.study_check import check_study

CONF = Path(__file__).parents[2] / "conf"
# each pipeline's model, as its nodes' hints name it
MODELS = TypeExtractor(register_pipelines()).extract_types_from_pipelines()
TRAINING_AND_MORE = {node for pipeline in register_pipelines().values() for node in pipeline.nodes}
ENVIRONMENTS = sorted(path.name for path in CONF.iterdir() if (path / "globals.yml").exists())


@cache
def parameters(environment: str) -> dict:
    """Its models, which nobody changes."""
    loader = OmegaConfigLoader(str(CONF), env=environment, **CONFIG_LOADER_ARGS)
    return {name: MODELS[name](**values) for name, values in loader["parameters"].items()}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_configures_every_pipeline(environment):
    assert parameters(environment).keys() == MODELS.keys()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environments_variants_can_be_built(environment):
    chosen = parameters(environment)
    made = chosen["preprocessing"]
    images = SimpleNamespace(image_size=made.image_size, num_classes=10, key="key", data_hash="h")
    images.image_channels = made.channels
    assert made.channels == (1 if environment == "base" else 3)

    runs = plan_runs(chosen["comparison"], chosen["training"], images)

    assert {run.variant for run in runs} >= {"sagan", "sngan_projection", "acgan"}
    assert len({run.training.total_images for run in runs}) == 1


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
@pytest.mark.parametrize("environment", ["base", "cifar10", "cifar10_gpu", "my_images"])
def test_image_size_is_the_one_parameter_that_another_size_needs(environment, image_size):
    """Networks, variants and trials follow it."""
    chosen = parameters(environment)
    training, channels = chosen["training"], chosen["preprocessing"].channels

    assert network_faults(training.model, image_size=image_size) == []
    assert check_study(chosen["tuning"], training, image_size) is None
    if environment == "my_images":
        sides = {"image_size": image_size, "image_channels": channels}
        assert build_variants(chosen["comparison"], training, **sides).keys() >= {"sagan"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_scores_trials_and_evaluation_share_one_classifier(environment):
    """It is trained once for a data set: its cache is named by these parameters."""
    chosen = parameters(environment)
    trained = [
        chosen["evaluation"].classifier,
        chosen["training"].scoring.evaluation.classifier,
        chosen["tuning"].evaluation.classifier,
    ]
    assert trained == [trained[0]] * 3
    assert (trained[0] is None) == (environment == "imagenet128")
    using = {node.namespace for node in TRAINING_AND_MORE if "evaluation_workspace" in node.inputs}
    assert using == {"training", "evaluation", "tuning", "comparison"}


def test_own_images_are_looked_at_quickly_unless_asked_otherwise():
    evaluation = parameters("my_images")["evaluation"]
    assert evaluation.protocol == "quick"
    full = evaluation.model_copy(update={"protocol": None}).followed()
    assert (full.num_samples, full.sweep.truncations) == (5000, (0.5, 1.0, 1.5, 2.0))


def test_attention_is_where_the_environments_always_had_it():
    sides = {"base": 8, "cifar10": 16, "cifar10_gpu": 16, "my_images": 32, "tiny_imagenet64": 32}
    for environment, side in (sides | {"imagenet128": 32}).items():
        chosen = parameters(environment)
        model = chosen["training"].model.for_image_size(chosen["preprocessing"].image_size)
        networks = (model.generator, model.discriminator)
        assert [network.attention_resolutions for network in networks] == [(side,)] * 2, environment


def test_environments_write_to_folders_of_their_own():
    loaders = [OmegaConfigLoader(str(CONF), env=environment) for environment in ENVIRONMENTS]

    assert len({loader["globals"]["data_root"] for loader in loaders}) == len(ENVIRONMENTS)


def test_imagenet128_is_the_released_run():
    chosen = parameters("imagenet128")
    training = chosen["training"]

    assert chosen["preprocessing"].image_size == 128
    assert chosen["data_validation"].thresholds["min_classes"] == 1000
    assert chosen["data_validation"].thresholds["max_classes"] == 1000
    assert total_steps(training) == 1_000_000
    # every other number of training is the model's default: the authors' release
    machine = {"threads", "device", "log_every_steps", "checkpoint_every_images", "watch"}
    machine |= {"scoring", "precision"}
    side = chosen["preprocessing"].image_size
    training, defaults = training.for_image_size(side), TrainingConfig().for_image_size(side)
    assert training.model_dump(exclude=machine) == defaults.model_dump(exclude=machine)
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
