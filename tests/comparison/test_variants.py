"""What a comparison refuses before anything is trained, and how variants are configured."""

import pytest
from pydantic import ValidationError

from sagan.comparison.config import ComparisonConfig
from sagan.comparison.variants import plan_runs
from sagan.training.config import TrainingConfig
from tests.comparison.small_comparison import EQUAL, TRAINING, VARIANTS, count_trainings
from tests.small_world import small_bundle


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"variants": [{"name": "a", "recipe": "sagn"}]}, "did you mean 'sagan'"),
        ({"variants": [{"name": "a"}, {"name": "a"}]}, r"got twice: \['a'\]"),
        ({"reference": "sagen"}, "reference: unknown variant 'sagen'; did you mean 'sagan'"),
        ({"seeds": []}, "at least 1 item"),
        ({"seeds": [1, 1]}, "expected each seed once"),
        ({"workers": 0}, "greater than 0"),
        ({"contestants": [{"name": "a"}]}, "'contestants' is called 'variants' now"),
    ],
)
def test_a_wrong_configuration_is_refused(config, message):
    with pytest.raises(ValidationError, match=message):
        ComparisonConfig(**config)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"generator_ler": 1.0}, "wrong: .*generator_ler.*did you mean 'generator_lr'"),
        ({"seed": 3}, "wrong: parameters: the comparison sets seed itself"),
        ({"model": {"generator": {"attention_resolutions": [64]}}}, "wrong: .*64"),
    ],
)
def test_every_variant_is_checked_before_the_first_is_trained(
    compare, monkeypatch, parameters, message
):
    started = count_trainings(monkeypatch)
    wrong = {"name": "wrong", "recipe": "sagan", "parameters": parameters}

    with pytest.raises(ValueError, match=message):
        compare(variants=(*VARIANTS, wrong))
    assert started == []


def test_variants_that_would_be_the_same_run_are_refused(compare, monkeypatch):
    """What is exported is no other training: both would get the row of whoever came first."""
    started = count_trainings(monkeypatch)
    same = {"name": "best", "recipe": "sagan", "parameters": {"export": "best"}}

    with pytest.raises(ValueError, match="best: trains exactly as sagan does; leave one"):
        compare(variants=(*VARIANTS, same))
    assert started == []


def test_a_variant_may_start_from_a_model(shards, tmp_path):
    models = [str(small_bundle(tmp_path / name).path) for name in ("a", "b")]
    variants = [{"name": name, "parameters": {"start_from": name}} for name in models]
    config = ComparisonConfig(variants=[{"name": "sagan"}, variants[0]], seeds=(0,), total_images=4)

    plain, started = plan_runs(config, TrainingConfig(**TRAINING), shards)

    assert (plain.training.start_from, started.training.start_from) == (None, models[0])
    with pytest.raises(ValueError, match=r"b: trains exactly as .*a does"):  # the same weights
        plan_runs(
            ComparisonConfig(variants=variants, reference=models[0]),
            TrainingConfig(**TRAINING),
            shards,
        )
    nowhere = {"name": "sagan", "parameters": {"start_from": "nowhere"}}
    with pytest.raises(ValueError, match=r"sagan: training\.start_from: there is no path"):
        plan_runs(ComparisonConfig(variants=[nowhere]), TrainingConfig(**TRAINING), shards)


def test_runs_at_once_are_a_process_each(compare, monkeypatch):
    started = count_trainings(monkeypatch)
    two = {"name": "two", "recipe": "sagan", "parameters": {"devices": 2}}

    with pytest.raises(ValueError, match=r"two: training\.devices 2 .*comparison\.workers=1"):
        compare(variants=(*VARIANTS, two), workers=2)
    assert started == []


def test_training_with_a_recipe_of_its_own_is_refused(shards):
    training = TrainingConfig(**TRAINING | {"recipe": "sagan_no_ttur"})

    with pytest.raises(
        ValueError, match=r"training\.recipe is sagan_no_ttur.*leave training\.recipe null"
    ):
        plan_runs(ComparisonConfig(), training, shards)


def test_variants_keep_their_own_parameters_over_the_recipe(shards):
    config = ComparisonConfig(
        variants=[{"name": "sagan", "recipe": "acgan", "parameters": EQUAL}], total_images=4
    )

    (run,) = plan_runs(
        config.model_copy(update={"seeds": (7,)}), TrainingConfig(**TRAINING), shards
    )

    assert run.training.model.discriminator.head == "classifier"
    assert run.training.discriminator_steps == 1
    assert (run.training.seed, run.training.total_images) == (7, 4)
    assert not run.training.export_raw, "runs keep one set of weights"


def test_augmentation_makes_a_variant(shards):
    augmented = {"augmentation": {"method": "ada", "lecam_weight": 0.3, "lecam_warmup_steps": 0}}
    variants = [{"name": "plain"}, {"name": "augmented", "parameters": augmented}]
    config = ComparisonConfig(variants=variants, seeds=[0], reference="plain")

    plain, other = plan_runs(config, TrainingConfig(**TRAINING), shards)

    assert plain.training.augmentation.method == "none"
    assert other.training.augmentation.method == "ada"
    assert other.training.augmentation.target == plain.training.augmentation.target
