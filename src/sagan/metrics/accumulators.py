"""Accumulators of everything that is measured in one pass over the samples."""

from collections.abc import Iterable

import numpy as np
from torch import Tensor

from sagan.common.progress import progress_bar
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.context import EvaluationContext
from sagan.metrics.features.extractor import Batch
from sagan.metrics.features.reservoir import ReservoirSampler
from sagan.metrics.features.statistics import StreamingStatistics
from sagan.metrics.scores.diversity import diversity
from sagan.metrics.scores.label_scores import ClassCoverage, StreamingLabelScore
from sagan.sampling.grids import choose_classes


class SampleAccumulators:
    """All accumulators of one set of samples; memory is bounded by the configuration."""

    def __init__(self, context: EvaluationContext) -> None:
        """Start with no samples."""
        config = context.config
        self._context = context
        self.statistics = StreamingStatistics()
        self.features = ReservoirSampler(config.kept_samples)
        self.images = ReservoirSampler(config.accuracy_samples) if config.accuracy_samples else None
        self.label_score = StreamingLabelScore(config.label_score_splits)
        self.class_coverage = ClassCoverage(context.shards.num_classes)
        self.diversity = DiversityAccumulator(context.shards, config)
        self.asked = np.zeros(context.shards.num_classes, dtype=np.int64)
        """Samples asked for of each class."""

    def update(self, batches: Iterable[Batch]) -> None:
        """Consume the samples in one pass.

        Raises:
            ValueError: if features are NaN or infinite.
        """
        extractor, predict = self._context.extractor, self._context.predict
        total = self._context.config.num_samples
        with progress_bar("measuring samples", total) as bar:
            for images, class_labels in batches:
                features = extractor(images)
                self.statistics.update(features)
                self.features.update(features.float(), class_labels)
                if extractor.label_score is not None:
                    self.label_score.update(extractor.logits(features))
                if predict is not None:
                    self.class_coverage.update(predict(images, features), class_labels)
                if self.images is not None:
                    self.images.update(images, class_labels)
                self.diversity.update(images, class_labels)
                self.asked += np.bincount(class_labels.numpy(), minlength=len(self.asked))
                bar.update(len(images))


class DiversityAccumulator:
    """Within-class diversity of the first samples of some classes, relative to real images."""

    def __init__(self, shards: ShardStore, config: EvaluationConfig) -> None:
        """Choose evenly spaced classes."""
        self._split = shards.split(config.reference_split)
        self._max_images = config.diversity_images
        chosen = choose_classes(shards.num_classes, config.diversity_classes)
        self._images: dict[int, list[np.ndarray]] = {label: [] for label in chosen}

    def update(self, images: Tensor, class_labels: Tensor) -> None:
        """Take in uint8 [N, C, H, W] and int64 [N]."""
        for image, label in zip(images.numpy(), class_labels.tolist(), strict=True):
            if label in self._images and len(self._images[label]) < self._max_images:
                self._images[label].append(image.copy())

    def result(self) -> dict[str, float]:
        """`diversity_mean` and `diversity_min` over the classes that can be compared."""
        ratios = []
        for label, images in self._images.items():
            if images:
                real = np.flatnonzero(self._split.labels == label)[: self._max_images]
                ratios.append(diversity(np.stack(images), self._split.read(real).numpy()))
        known = [ratio for ratio in ratios if ratio is not None]
        if not known:
            return {}
        return {"diversity_mean": float(np.mean(known)), "diversity_min": min(known)}
