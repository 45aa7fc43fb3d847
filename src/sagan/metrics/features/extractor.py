"""Feature extractors: the choice between Inception and classifier."""

from pathlib import Path

import torch
from torch import Tensor

from sagan.data.shards.store import ShardStore
from sagan.metrics.config import ClassifierConfig, EvaluationConfig
from sagan.metrics.features.classifier import ClassifierFeatures, obtain_classifier
from sagan.metrics.features.inception import InceptionFeatures, require_weights

Batch = tuple[Tensor, Tensor]  # uint8 [N, 3, H, W] and int64 [N] requested classes


FeatureExtractor = InceptionFeatures | ClassifierFeatures
"""uint8 [N, 3, H, W] -> float [N, D], with the names of the scores based on these features."""


def feature_extractor(
    config: EvaluationConfig, shards: ShardStore, workspace: Path, device: torch.device
) -> FeatureExtractor:
    """The extractor that a configuration asks for.

    Raises:
        FileNotFoundError: if Inception is asked for and its weights are missing.
        ValueError: if its weights are not the expected ones.
    """
    weights = require_weights(config)
    if weights is not None:
        return InceptionFeatures(weights, device, config.inception_resizer)
    classifier = config.classifier or ClassifierConfig()
    return ClassifierFeatures(obtain_classifier(shards, classifier, workspace, device))
