"""A comparison to run, on a small store of images."""

import pytest

from sagan.comparison.config import ComparisonConfig
from sagan.comparison.runner import run_comparison
from sagan.metrics.config import EvaluationConfig
from sagan.training.config import TrainingConfig
from tests.comparison.small_comparison import PROTOCOL, TRAINING, VARIANTS


@pytest.fixture(scope="module")
def shards(small_store):
    return small_store


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def compare(shards, features, tmp_path):
    def run(weights=None, num_samples=12, protocol=None, **changes):
        config = ComparisonConfig(**{"variants": VARIANTS, "seeds": [0, 1]} | changes)
        return run_comparison(
            config=config,
            training=TrainingConfig(**TRAINING),
            evaluation=EvaluationConfig(
                **PROTOCOL | {"num_samples": num_samples}, weights=weights, protocol=protocol
            ),
            shards=shards,
            workspace=tmp_path / "comparison",
            features=features,
        )

    return run
