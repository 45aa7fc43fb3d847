"""The one pass over the samples: what is counted, summed and kept of each batch."""

from collections.abc import Iterable

import numpy as np
from torch import Tensor
from tqdm import tqdm

from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.context import Bench
from sagan.metrics.features.extractor import Batch
from sagan.metrics.features.reservoir import KeptRows
from sagan.metrics.features.statistics import StreamingStatistics
from sagan.metrics.scores.diversity import diversity
from sagan.metrics.scores.label_scores import ModeCount, StreamingLabelScore


class SamplePass:
    """Everything that is taken from samples while they pass; none but the kept ones stay."""

    def __init__(self, bench: Bench) -> None:
        """Start with no samples."""
        config = bench.config
        self._bench = bench
        self.statistics = StreamingStatistics()
        self.kept = KeptRows(config.kept_samples)
        self.images = KeptRows(config.accuracy_samples) if config.accuracy_samples else None
        self.label_score = StreamingLabelScore(config.label_score_splits)
        self.modes = ModeCount(bench.shards.num_classes)
        self.spread = Spread(bench.shards, config)

    def take(self, batches: Iterable[Batch]) -> None:
        """Go through the samples once.

        Raises:
            ValueError: if features are NaN or infinite.
        """
        extractor, predict = self._bench.extractor, self._bench.predict
        total = self._bench.config.num_samples
        with tqdm(total=total, desc="samples", unit=" images", disable=None) as bar:
            for images, class_labels in batches:
                features = extractor(images)
                self.statistics.update(features)
                self.kept.update(features.float(), class_labels)
                self.label_score.update(extractor.logits(features))
                if predict is not None:
                    self.modes.update(predict(images, features), class_labels)
                if self.images is not None:
                    self.images.update(images, class_labels)
                self.spread.update(images, class_labels)
                bar.update(len(images))


class Spread:
    """Keeps the first samples of some classes, and compares their spread with the real one."""

    def __init__(self, shards: ShardStore, config: EvaluationConfig) -> None:
        """Choose the classes, evenly."""
        self._split = shards.split(config.reference_split)
        self._most = config.diversity_images
        count = min(shards.num_classes, config.diversity_classes)
        chosen = np.linspace(0, shards.num_classes - 1, count)
        self._kept: dict[int, list[np.ndarray]] = {round(float(k)): [] for k in chosen}

    def update(self, images: Tensor, class_labels: Tensor) -> None:
        """Take in uint8 [N, 3, H, W] and int64 [N]."""
        for image, label in zip(images.numpy(), class_labels.tolist(), strict=True):
            if label in self._kept and len(self._kept[label]) < self._most:
                self._kept[label].append(image.copy())

    def result(self) -> dict[str, float]:
        """`diversity_mean` and `diversity_min` over the classes that can be compared."""
        ratios = []
        for label, kept in self._kept.items():
            if kept:
                real = np.flatnonzero(self._split.labels == label)[: self._most]
                ratios.append(diversity(np.stack(kept), self._split.read(real).numpy()))
        known = [ratio for ratio in ratios if ratio is not None]
        if not known:
            return {}
        return {"diversity_mean": float(np.mean(known)), "diversity_min": min(known)}
