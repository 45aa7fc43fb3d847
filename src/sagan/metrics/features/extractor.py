"""What turns images into feature vectors, and what every such thing must say about itself."""

from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from sagan.data.shards.store import ShardStore
from sagan.metrics.config import ClassifierConfig, EvaluationConfig
from sagan.metrics.features.classifier import ClassifierFeatures, obtain_classifier
from sagan.metrics.features.inception import InceptionFeatures, require_weights

Batch = tuple[Tensor, Tensor]  # uint8 [N, 3, H, W] and the int64 [N] classes asked for


class FeatureExtractor(Protocol):
    """uint8 [N, 3, H, W] -> float [N, D], with the names of the numbers made of these features."""

    @property
    def code(self) -> str:
        """Hash of the source files that make them: cached ones of other code are not used."""

    @property
    def metric(self) -> str:
        """Key of the Fréchet distance in the metrics file."""

    @property
    def kernel_metric(self) -> str:
        """Key of the kernel distance."""

    @property
    def label_score(self) -> str:
        """Key of the score made of the logits."""

    @property
    def protocol(self) -> dict[str, Any]:
        """JSON-able: network, dimensions, resizer, input range, SHA-256 of the weights."""

    def __call__(self, images: Tensor) -> Tensor:
        """Features of a batch."""

    def logits(self, features: Tensor) -> Tensor:
        """Float [N, K] of these features."""


def feature_extractor(
    config: EvaluationConfig, shards: ShardStore, workspace: Path, device: torch.device
) -> FeatureExtractor:
    """The features that a configuration asks for.

    Raises:
        FileNotFoundError: if Inception is asked for and its weights are not there.
        ValueError: if they are not the ones expected.
    """
    weights = require_weights(config)
    if weights is not None:
        return InceptionFeatures(weights, device, config.inception_resizer)
    classifier = config.classifier or ClassifierConfig()
    return ClassifierFeatures(obtain_classifier(shards, classifier, workspace, device))
