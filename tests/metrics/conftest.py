import pytest

from sagan.metrics.config import ClassifierConfig, EvaluationConfig


@pytest.fixture(scope="session")
def shards(small_store):
    return small_store


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    """Shared, so that the classifier is trained once."""
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def classifier_config():
    return ClassifierConfig(epochs=8, base_channels=8, feature_dim=8, batch_size=16)


@pytest.fixture
def config(classifier_config):
    return EvaluationConfig(
        features="classifier", classifier=classifier_config, num_samples=60, batch_size=25
    )
