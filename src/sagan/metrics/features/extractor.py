"""Feature extractors: their protocol class, and the choice between Inception and classifier."""

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from sagan.data.shards.store import ShardStore
from sagan.metrics.config import ClassifierConfig, EvaluationConfig
from sagan.metrics.features.classifier import ClassifierFeatures, obtain_classifier
from sagan.metrics.features.inception import InceptionFeatures, require_weights

Batch = tuple[Tensor, Tensor]  # uint8 [N, 3, H, W] and int64 [N] requested classes


class FeatureExtractor(Protocol):
    """uint8 [N, 3, H, W] -> float [N, D], with the names of the scores based on these features."""

    @property
    def code(self) -> str:
        """Hash of the source files that compute them, part of the cache key."""

    @property
    def metric(self) -> str:
        """Key of the Fréchet distance in the metrics file."""

    @property
    def kernel_metric(self) -> str:
        """Key of the kernel distance."""

    @property
    def label_score(self) -> str:
        """Key of the score computed from the logits."""

    @property
    def protocol(self) -> dict[str, Any]:
        """JSON-able: network, dimensions, resizer, input range, SHA-256 of the weights."""

    def __call__(self, images: Tensor) -> Tensor:
        """Features of a batch."""

    def logits(self, features: Tensor) -> Tensor:
        """Features -> logits float [N, K]."""


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
