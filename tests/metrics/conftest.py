import hashlib

import pytest
import torch
from torch import nn

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


@pytest.fixture
def inception_config(tmp_path, monkeypatch):
    """Under the real network's file name, dimensions and hash check."""
    weights = tmp_path / "stand-in.pth"
    weights.write_bytes(b"stand-in")

    def small(_):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, 2048))
            return network.requires_grad_(False), nn.Linear(2048, 1008).requires_grad_(False)

    monkeypatch.setattr("sagan.metrics.features.inception.build_inception", small)
    return EvaluationConfig(
        inception_weights=weights,
        inception_sha256=hashlib.sha256(b"stand-in").hexdigest(),
        num_samples=72,
        bootstrap_resamples=0,
    )
