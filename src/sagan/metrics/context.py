"""What one evaluation works with: networks, real images and their features, each obtained once."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.features.classifier import (
    ClassifierFeatures,
    TrainedClassifier,
    obtain_classifier,
)
from sagan.metrics.features.extractor import FeatureExtractor
from sagan.metrics.features.references import kept_features
from sagan.metrics.features.reservoir import Kept
from sagan.metrics.features.statistics import Statistics
from sagan.metrics.scores.frechet import frechet_distance
from sagan.metrics.scores.prdc import manifold_radii

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bench:
    """The real side of a comparison."""

    shards: ShardStore
    config: EvaluationConfig
    workspace: Path
    device: torch.device
    extractor: FeatureExtractor
    reference: Statistics
    _kept: dict[str, Kept] = field(default_factory=dict)

    def distance(self, statistics: Statistics) -> float:
        """Fréchet distance to the reference."""
        return frechet_distance(statistics, self.reference)

    def real(self, split: str | None = None) -> Kept:
        """Kept features of a split's real images; without a name the reference split's."""
        name = split or self.config.reference_split
        if name not in self._kept:
            self._kept[name] = kept_features(
                self.shards, name, self.extractor, self.config, self.workspace
            )
        return self._kept[name]

    def on_device(self, kept: Kept) -> Tensor:
        """The kept features where distances are taken."""
        return kept.rows.to(self.device)

    @cached_property
    def real_radii(self) -> tuple[Tensor, Tensor]:
        """The reference's balls, which every draw of samples is compared with."""
        neighbours = self.config.neighbours
        if neighbours is None:
            raise ValueError("evaluation.neighbours is null: no radii are to be measured")
        return manifold_radii(
            self.on_device(self.real()),
            neighbours.precision_recall_k,
            neighbours.density_coverage_k,
            what="reference neighbours",
        )

    @property
    def other_split(self) -> str | None:
        """A split of real images beside the reference."""
        others = [split for split in self.shards.splits if split != self.config.reference_split]
        return others[0] if others else None

    @cached_property
    def classifier(self) -> TrainedClassifier | None:
        """The project's own classifier, where one is configured."""
        if isinstance(self.extractor, ClassifierFeatures):
            return self.extractor.classifier
        if self.config.classifier is None:
            return None
        return obtain_classifier(self.shards, self.config.classifier, self.workspace, self.device)

    @cached_property
    def predict(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """(images, their features) -> classes recognised int64 [N]; None without a classifier."""
        classifier, extractor = self.classifier, self.extractor
        if classifier is None:
            return None
        if isinstance(extractor, ClassifierFeatures):
            return lambda _, features: extractor.logits(features).argmax(dim=1)
        return lambda images, _: classifier.predict(images)
