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


def test_classifier_features_need_a_classifier():
    with pytest.raises(ValidationError, match="needs the block 'classifier'"):
        EvaluationConfig(features="classifier")


def test_misspelt_keys_are_named_with_the_nearest():
    with pytest.raises(ValidationError, match="did you mean 'learning_rate'"):
        EvaluationConfig(classifier={"lerning_rate": 0.1})
