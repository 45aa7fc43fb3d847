import pytest
from pydantic import ValidationError

from sagan.metrics.config import EvaluationConfig


def test_defaults_are_the_papers_protocol():
    config = EvaluationConfig()

    assert (config.features, config.num_samples) == ("inception", 50_000)
    assert (config.reference_split, config.truncation) == ("train", None)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples(count):
    with pytest.raises(ValidationError, match="greater than or equal to 2"):
        EvaluationConfig(num_samples=count)


@pytest.mark.parametrize(
    "name", ["accuracy_samples", "bootstrap_resamples", "extrapolation_points"]
)
def test_one_is_no_number_to_measure_by(name):
    classifier = {"epochs": 1}
    with pytest.raises(ValidationError, match=f"{name}: one is too few"):
        EvaluationConfig(classifier=classifier, **{name: 1})
    for value in (0, 2):
        assert getattr(EvaluationConfig(classifier=classifier, **{name: value}), name) == value


def test_a_truncation_that_would_never_be_drawn_is_refused():
    with pytest.raises(ValidationError, match=r"greater than or equal to 0\.01"):
        EvaluationConfig(sweep={"truncations": [1.0, 1e-6]})


def test_classifier_features_need_a_classifier():
    with pytest.raises(ValidationError, match="needs the block 'classifier'"):
        EvaluationConfig(features="classifier")


def test_misspelt_keys_are_named_with_the_nearest():
    with pytest.raises(ValidationError, match="did you mean 'learning_rate'"):
        EvaluationConfig(classifier={"lerning_rate": 0.1})
