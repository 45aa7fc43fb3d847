"""From samples and shards to the metrics file: numbers, and everything that they depend on."""

import logging
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from sagan.data.shards import ShardStore
from sagan.metrics.classifier import ClassifierFeatures, TrainedClassifier, obtain_classifier
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.diversity import diversity
from sagan.metrics.features import FeatureExtractor, feature_extractor
from sagan.metrics.frechet import frechet_distance
from sagan.metrics.references import check_reference, self_test
from sagan.metrics.statistics import Statistics, StreamingStatistics, few_samples_warning
from sagan.models.bundle import GeneratorBundle

logger = logging.getLogger(__name__)

Batch = tuple[Tensor, Tensor]  # uint8 [N, 3, H, W] and the int64 [N] classes asked for
LIBRARIES = ("numpy", "scipy", "torch", "torchvision")


def evaluation_labels(num_samples: int, num_classes: int) -> Tensor:
    """Classes to ask a generator for, as even as can be: int64 [N], 0, 1, ..., K-1, 0, 1, ..."""
    return torch.arange(num_samples) % num_classes


def check_generator(bundle: GeneratorBundle, shards: ShardStore) -> None:
    """Refuse to compare a generator with images that it cannot have been trained on.

    Raises:
        ValueError: if image size or classes differ.
    """
    if bundle.image_size != shards.image_size:
        raise ValueError(
            f"the generator makes images of {bundle.image_size} px, the shards hold "
            f"{shards.image_size} px: compare at one size"
        )
    if bundle.class_names != shards.class_names:
        differing = sorted(set(bundle.class_names) ^ set(shards.class_names))
        raise ValueError(
            f"the generator has {bundle.num_classes} classes, the shards {shards.num_classes}; "
            f"{len(differing)} are in one only: {', '.join(differing[:5])}; a label would mean "
            "another class"
        )


def evaluate(
    batches: Iterable[Batch],
    shards: ShardStore,
    reference: Statistics,
    config: EvaluationConfig,
    *,
    workspace: Path,
    device: torch.device,
    origin: dict[str, Any],
) -> dict[str, Any]:
    """Compare samples with real images.

    Args:
        batches: the samples, in one pass.
        shards: the real images.
        reference: from `reference_statistics` under the same configuration.
        config: the protocol.
        workspace: folder of cached statistics and classifiers.
        device: where networks run.
        origin: JSON-able, copied into the protocol: where the samples come from.

    Returns:
        JSON-able: `fid` or `fd_classifier`, `self_test`, `diversity_mean`, `diversity_min`,
        `recognised` and `classifier` where there is one, `warnings`, `protocol`.

    Raises:
        ValueError: if the reference was made under another protocol, there are fewer than two
            samples, or features are NaN or infinite.
    """
    extractor = feature_extractor(config, shards, workspace, device)
    check_reference(reference, shards, config.reference_split, extractor)
    classifier = _classifier(extractor, shards, config, workspace, device)
    streaming, recognition = StreamingStatistics(), _Recognition(classifier)
    spread = _Spread(shards, config)
    with tqdm(total=config.num_samples, desc="samples", unit=" images", disable=None) as bar:
        for images, class_labels in batches:
            streaming.update(extractor(images))
            recognition.update(images, class_labels)
            spread.update(images, class_labels)
            bar.update(len(images))
    samples = streaming.result()
    return {
        extractor.metric: frechet_distance(samples, reference),
        **recognition.result(),
        **spread.result(),
        "self_test": self_test(shards, reference, extractor, config, workspace),
        "warnings": _warnings(samples, reference),
        "protocol": {
            "samples": {"count": samples.count, **origin},
            "reference": {"count": reference.count, **reference.protocol},
            "covariance": "unbiased (N - 1), float64",
            "diversity": {
                "images_a_class_at_most": config.diversity_images,
                "classes_at_most": config.diversity_classes,
            },
            "device": str(device),
            "versions": {library: version(library) for library in LIBRARIES},
        },
    }


class _Recognition:
    """Share of samples that the classifier takes for the class asked for."""

    def __init__(self, classifier: TrainedClassifier | None) -> None:
        self._classifier, self._right, self._seen = classifier, 0, 0

    def update(self, images: Tensor, class_labels: Tensor) -> None:
        if self._classifier is not None:
            self._right += int((self._classifier.predict(images) == class_labels).sum())
            self._seen += len(images)

    def result(self) -> dict[str, Any]:
        if self._classifier is None:
            return {}
        return {"recognised": self._right / self._seen, "classifier": self._classifier.facts}


class _Spread:
    """Keeps the first samples of some classes, and compares their spread with the real one."""

    def __init__(self, shards: ShardStore, config: EvaluationConfig) -> None:
        self._split = shards.split(config.reference_split)
        self._most = config.diversity_images
        count = min(shards.num_classes, config.diversity_classes)
        chosen = np.linspace(0, shards.num_classes - 1, count)
        self._kept: dict[int, list[np.ndarray]] = {round(float(k)): [] for k in chosen}

    def update(self, images: Tensor, class_labels: Tensor) -> None:
        for image, label in zip(images.numpy(), class_labels.tolist(), strict=True):
            if label in self._kept and len(self._kept[label]) < self._most:
                self._kept[label].append(image.copy())

    def result(self) -> dict[str, float]:
        ratios = []
        for label, kept in self._kept.items():
            if kept:
                real = np.flatnonzero(self._split.labels == label)[: self._most]
                ratios.append(diversity(np.stack(kept), self._split.read(real).numpy()))
        known = [ratio for ratio in ratios if ratio is not None]
        if not known:
            return {}
        return {"diversity_mean": float(np.mean(known)), "diversity_min": min(known)}


def _classifier(
    extractor: FeatureExtractor,
    shards: ShardStore,
    config: EvaluationConfig,
    workspace: Path,
    device: torch.device,
) -> TrainedClassifier | None:
    if isinstance(extractor, ClassifierFeatures):
        return extractor.classifier
    if config.classifier is None:
        return None
    return obtain_classifier(shards, config.classifier, workspace, device)


def _warnings(samples: Statistics, reference: Statistics) -> list[str]:
    both = (
        few_samples_warning("samples", samples),
        few_samples_warning("reference", reference),
    )
    warnings = [warning for warning in both if warning]
    for warning in warnings:
        logger.warning("%s", warning)
    return warnings
