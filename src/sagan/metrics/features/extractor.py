"""Feature extractors: the choice between Inception and classifier."""

from pathlib import Path

import torch
from torch import Tensor

from sagan.metrics.config import ClassifierConfig, EvaluationConfig
from sagan.metrics.features.classifier import (
    ROTATIONS,
    ClassifierFeatures,
    RotationFeatures,
    obtain_classifier,
)
from sagan.metrics.features.fitting import TrainingImages
from sagan.metrics.features.inception import InceptionFeatures, require_weights

Batch = tuple[Tensor, Tensor]  # uint8 [N, C, H, W] and int64 [N] requested classes


FeatureExtractor = InceptionFeatures | ClassifierFeatures
"""uint8 [N, C, H, W] -> float [N, D], with the names of the scores based on these features."""


def feature_extractor(
    config: EvaluationConfig, shards: TrainingImages, workspace: Path, device: torch.device
) -> FeatureExtractor:
    """The extractor that a configuration asks for.

    Raises:
        FileNotFoundError: if Inception is asked for and its weights are missing.
        ValueError: if its weights are not the expected ones, or as `require_classes`.
    """
    if config.features == "classifier":  # saved statistics have no classes
        require_classes(config, shards.num_classes)
    weights = require_weights(config)
    if weights is not None:
        return InceptionFeatures(weights, device, config.inception_resizer)
    classifier = config.classifier or ClassifierConfig()
    if config.features == "rotation":
        return RotationFeatures(
            obtain_classifier(shards, classifier, workspace, device, targets=ROTATIONS)
        )
    return ClassifierFeatures(obtain_classifier(shards, classifier, workspace, device))


def require_classes(
    config: EvaluationConfig,
    num_classes: int,
    *,
    places: str = "in evaluation and in training.scoring.evaluation",
) -> None:
    """Check that there are classes for a classifier to tell apart.

    Args:
        config: The protocol.
        num_classes: Of the images.
        places: Where the message says that the features are to be set.

    Raises:
        ValueError: if its features are asked for and there is one class.
    """
    if config.features == "classifier" and num_classes == 1:
        raise ValueError(
            "evaluation.features: classifier needs several classes, the images have one: a "
            "classifier would learn nothing, and its features would be random; set features: "
            f"rotation (learnt without labels) or inception, {places}"
        )
