"""Everything that one evaluation shares: networks, real images and their features, loaded once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from sagan.data.shards.store import ShardStore
from sagan.metrics.class_labels import Counts
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.features.classifier import (
    ClassifierFeatures,
    TrainedClassifier,
    obtain_classifier,
)
from sagan.metrics.features.extractor import FeatureExtractor
from sagan.metrics.features.references import real_features, reference_class_counts
from sagan.metrics.features.reservoir import FeatureSample
from sagan.metrics.features.statistics import Statistics
from sagan.metrics.scores.frechet import frechet_distance
from sagan.metrics.scores.prdc import manifold_radii

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluationContext:
    """Configuration, networks and real images of one evaluation."""

    shards: ShardStore
    config: EvaluationConfig
    workspace: Path
    device: torch.device
    extractor: FeatureExtractor
    reference: Statistics
    _real_features: dict[str, FeatureSample] = field(default_factory=dict)

    def distance(self, statistics: Statistics) -> float:
        """Fréchet distance to the reference."""
        return frechet_distance(statistics, self.reference)

    def real_features(self, split: str | None = None) -> FeatureSample:
        """Features of a split's real images; None: of the reference split."""
        name = split or self.config.reference_split
        if name not in self._real_features:
            self._real_features[name] = real_features(
                self.shards, name, self.extractor, self.config, self.workspace
            )
        return self._real_features[name]

    def on_device(self, sample: FeatureSample) -> Tensor:
        """The features on the device that computes distances."""
        return sample.rows.to(self.device)

    @cached_property
    def reference_class_counts(self) -> Counts:
        """How many real images of each class samples are compared with: int64 [K]."""
        return reference_class_counts(self.shards, self.config)

    @cached_property
    def real_radii(self) -> tuple[Tensor, Tensor]:
        """Manifold radii of the reference, shared by all sets of samples."""
        neighbours = self.config.neighbours
        if neighbours is None:
            raise ValueError("evaluation.neighbours is null: there are no radii to compute")
        return manifold_radii(
            self.on_device(self.real_features()),
            neighbours.precision_recall_k,
            neighbours.density_coverage_k,
            what="reference neighbours",
        )

    @property
    def other_split(self) -> str | None:
        """A split of real images other than the reference, if there is one."""
        others = [split for split in self.shards.splits if split != self.config.reference_split]
        return others[0] if others else None

    @cached_property
    def classifier(self) -> TrainedClassifier | None:
        """The classifier trained on the data, if one is configured and there are classes."""
        if type(self.extractor) is ClassifierFeatures:
            return self.extractor.classifier
        if self.config.classifier is None or self.shards.num_classes == 1:
            return None
        return obtain_classifier(self.shards, self.config.classifier, self.workspace, self.device)

    @cached_property
    def predict(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """(images, their features) -> predicted classes int64 [N]; None without a classifier."""
        classifier, extractor = self.classifier, self.extractor
        if classifier is None:
            return None
        if type(extractor) is ClassifierFeatures:
            return lambda _, features: extractor.logits(features).argmax(dim=1)
        return lambda images, _: classifier.predict(images)
