"""The search space as data: what is refused before anything runs, and what trials get."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from sagan.common.schema import describe_faults
from sagan.tuning.config import TuningConfig
from sagan.tuning.space import SearchSpace, trial_training
from tests.small_world import PROTOCOL
from tests.tuning.conftest import STUDY

ROOT = Path(__file__).parents[2]
RATE = {"type": "float", "low": 0.0001, "high": 0.01, "log": True}


@pytest.fixture
def space(study, training):
    def build(dimensions, **base) -> SearchSpace:
        config = study(search_space=dimensions, warm_starts={})
        return SearchSpace(config.search_space, training(**base))

    return build


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "generator_lrr",
            "generator_lrr: unknown key 'generator_lrr'; did you mean 'generator_lr'",
        ),
        (
            "model.generator.base_chanels",
            "unknown key 'base_chanels'; did you mean 'base_channels'? (in model.generator)",
        ),
        ("betas.2", "betas.2: betas has elements 0 to 1, got '2'"),
        ("generator_lr.x", "generator_lr.x: generator_lr is a value, nothing lies below it"),
        ("threads", "threads: it is the same in all trials, or does not change what is trained"),
        ("total_images", "total_images: it is the same in all trials"),
        ("continue_from", "continue_from: it is the same in all trials"),
        ("start_from", "start_from: it is the same in all trials"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(space, path, said):
    with pytest.raises(ValueError, match=r"tuning.search_space") as refused:
        space({path: RATE}).check()
    assert said in str(refused.value)


def test_all_faults_are_told_at_once(space):
    dimensions = {
        "generator_lrr": RATE,
        "both": RATE | {"paths": ["discriminator_lr"]},
        "discriminator_lr": RATE,
    }
    with pytest.raises(ValueError, match="lrr") as refused:
        space(dimensions).check()
    assert "discriminator_lr: set by both and by discriminator_lr" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "dimension", "said"),
    [
        ("ema_decay", {"type": "float", "low": 0.5, "high": 1.5}, "1.5 does not fit"),
        ("batch_size", {"type": "int", "low": -1, "high": 4}, "-1 does not fit the training"),
        ("betas", {"type": "categorical", "choices": [[0.0, 0.9], [0.0]]}, "[0.0] does not fit"),
        ("loss", {"type": "categorical", "choices": ["hinge", "bice"]}, "'bice' does not fit"),
    ],
)
def test_values_are_held_against_the_trainings_own_model(space, name, dimension, said):
    with pytest.raises(ValueError, match="search_space") as refused:
        space({name: dimension}).check()
    assert said in str(refused.value)


def test_a_trial_without_the_average_that_scores_are_to_be_of_is_refused(study, training):
    averaged = PROTOCOL | {"weights": "ema"}
    said = "weights: ema was asked for, but ema_decay is null"
    with pytest.raises(ValueError, match=f"tuning.training.*{said}"):
        trial_training(study(evaluation=averaged), training(ema_decay=None))

    dimensions = {"ema_decay": {"type": "categorical", "choices": [None, 0.9]}}
    config = study(evaluation=averaged, search_space=dimensions, warm_starts={})
    space = SearchSpace(config.search_space, trial_training(config, training(ema_decay=0.9)))
    with pytest.raises(ValueError, match=f"ema_decay: None does not fit .*{said}"):
        space.check()


def test_augmentation_can_be_searched(space):
    policies = [["color"], ["color", "translation", "cutout"]]
    searched = space(
        {
            "augmentation.method": {"type": "categorical", "choices": ["none", "ada"]},
            "augmentation.policy": {"type": "categorical", "choices": policies},
            "augmentation.lecam_weight": {"type": "float", "low": 0.0, "high": 0.5},
        }
    )
    searched.check()

    values = {"augmentation.method": "ada", "augmentation.lecam_weight": 0.3}
    made = searched.training(values).augmentation
    assert (made.method, made.lecam_weight, made.target) == ("ada", 0.3, 0.6)
    assert searched.changes(values) == {"augmentation": {"method": "ada", "lecam_weight": 0.3}}


def test_what_a_recipe_sets_is_not_searched(space):
    with pytest.raises(ValueError, match=r"training.recipe=sagan sets it itself"):
        space({"generator_lr": RATE}, recipe="sagan").check()
    space({"ema_decay": {"type": "float", "low": 0.9, "high": 0.99}}, recipe="sagan").check()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"search_space": {}}, "search_space"),
        ({"search_space": {"betas": {"type": "flot", "low": 0, "high": 1}}}, "float"),
        ({"search_space": {"betas": RATE | {"low": 0}}}, "needs low above 0"),
        ({"search_space": {"betas": RATE | {"low": 1}}}, "low 1.0 is above high"),
        ({"search_space": {"betas": RATE | {"step": 0.1}}}, "no step"),
        (
            {"search_space": {"batch_size": {"type": "int", "low": 1, "high": 4, "step": 2}}},
            "4 is not on the grid",
        ),
        (
            {"search_space": {"loss": {"type": "categorical", "choices": ["bce", "bce"]}}},
            "is twice among",
        ),
        ({"objectives": ["fd_clasifier"]}, "did you mean 'fd_classifier'"),
        ({"objectives": ["train_second"]}, "did you mean 'train_seconds'"),
        ({"objectives": ["memorisation"]}, "unknown score"),
        ({"objectives": ["fid"]}, "set evaluation.features: inception"),
        ({"objectives": ["recall"]}, "set evaluation.neighbours"),
        (
            {"objectives": ["recall", "recall"], "evaluation": PROTOCOL | {"neighbours": {}}},
            "twice",
        ),
        ({"objectives": ["fd_classifier", "train_seconds"], "pruner": {}}, "set pruner: null"),
        ({"objectives": ["train_seconds"], "pruner": {}}, "set pruner: null"),
        ({"warm_starts": {"w": {"generator_lr": 1.0}}}, "warm_starts.w.generator_lr: 1.0 lies"),
        ({"warm_starts": {"w": {"generator_lr": "x"}}}, "expected a number, got 'x'"),
        ({"warm_starts": {"w": {"loss": "bce"}}}, "not searched"),
        (
            {"warm_starts": {str(n): {} for n in range(9)}},
            "4 trials; leave some out, tuning.warm_starts.8=null",
        ),
        ({"study": "../elsewhere"}, "study"),
        ({"trials": 0}, "trials"),
        ({"sampler": {"seed": -1}}, "sampler.seed"),
    ],
)
def test_parameters_of_a_study_that_make_no_sense_are_refused(changes, said):
    with pytest.raises(ValidationError) as refused:
        TuningConfig.model_validate(STUDY | changes)
    assert said in "\n".join(describe_faults(refused.value, "tuning"))


def test_the_trainings_own_values_must_be_in_the_space_to_be_tried(space):
    narrow = space({"generator_lr": RATE | {"high": 0.001}})
    with pytest.raises(ValueError, match=r"warm_starts.default: generator_lr: 0.002 lies outside"):
        narrow.starting_points({"default": {}})


def test_an_environment_leaves_out_what_base_searches(study):
    config = study(
        search_space=STUDY["search_space"] | {"generator_lr": None},
        warm_starts={"default": {}, "fast": None},
    )
    assert list(config.search_space) == [
        "discriminator_steps",
        "model.generator.attention_resolutions",
    ]
    assert list(config.warm_starts) == ["default"]


@pytest.mark.parametrize("environment", ["base", "cifar10", "tiny_imagenet64", "imagenet128"])
def test_the_study_of_every_environment_can_begin(environment, monkeypatch):
    from kedro.config import OmegaConfigLoader

    from sagan.settings import CONFIG_LOADER_ARGS
    from sagan.training.config import TrainingConfig
    from sagan.tuning.study_check import check_study

    monkeypatch.setattr("sagan.metrics.features.inception.require_weights", lambda config: None)
    loader = OmegaConfigLoader(ROOT / "conf", env=environment, **CONFIG_LOADER_ARGS)
    parameters = loader["parameters"]
    check_study(
        TuningConfig.model_validate(parameters["tuning"]),
        TrainingConfig.model_validate(parameters["training"]),
    )


def test_lists_are_choices_and_elements_of_lists_are_searched(space):
    dimensions = {
        "betas.1": {"type": "float", "low": 0.9, "high": 0.999},
        "attention": {
            "type": "categorical",
            "choices": [[], [8], [4, 8]],
            "paths": [
                "model.generator.attention_resolutions",
                "model.discriminator.attention_resolutions",
            ],
        },
    }
    made = space(dimensions)
    made.check()
    stored = made.starting_points({"wide": {"attention": [4, 8]}})["wide"]
    assert stored == {"betas.1": 0.999, "attention": "[4, 8]"}  # what every storage can keep
    values = made.decoded(stored | {"betas.1": 0.95})
    training = made.training(values)
    assert training.betas == (0.0, 0.95)
    assert training.model.generator.attention_resolutions == (4, 8)
    assert training.model.discriminator.attention_resolutions == (4, 8)
    assert made.changes(values) == {
        "betas": [0.0, 0.95],
        "model": {
            "generator": {"attention_resolutions": [4, 8]},
            "discriminator": {"attention_resolutions": [4, 8]},
        },
    }
    assert made.base["betas"] == [0.0, 0.999]  # untouched


def test_a_trial_is_the_stations_training_with_the_studys_own_parameters(study, training):
    made = trial_training(study(), training(export="last", total_images=500))
    assert made.total_images == 30
    assert made.scoring.every_images == 10
    assert made.scoring.name == "fd_classifier"
    assert made.scoring.evaluation.num_samples == 12
    assert made.generator_lr == 0.002
    assert not made.export_raw, "trials keep one set of weights"
    assert trial_training(study(training={"export_raw": True}), training()).export_raw


def test_a_studys_own_parameters_are_checked_too(study, training):
    with pytest.raises(ValueError, match=r"tuning.training.*did you mean 'total_images'"):
        trial_training(study(training={"total_image": 3}), training())
    with pytest.raises(ValueError, match=r"tuning.training: scoring .* the study"):
        trial_training(study(training={"scoring": {"every_images": 3}}), training())


def test_a_trial_is_trained_by_one_process(study, training):
    with pytest.raises(ValueError, match=r"set training.devices=1 and tuning.workers"):
        trial_training(study(), training(devices=2, batch_size=4))
