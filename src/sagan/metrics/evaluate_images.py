"""Metrics of images without their generator: samples against shards, or any two sets of images."""

import json
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.progress import progress_bar
from sagan.data.shards.store import ShardStore
from sagan.metrics.class_labels import evaluation_labels, frequency_warnings, name_labels
from sagan.metrics.config import EvaluationConfig, SweepConfig
from sagan.metrics.evaluation import evaluate, inception_warnings, log_warnings, versions
from sagan.metrics.features.classifier import ClassifierFeatures, weak_classifier_warnings
from sagan.metrics.features.extractor import Batch, FeatureExtractor, feature_extractor
from sagan.metrics.features.references import reference_statistics
from sagan.metrics.features.reservoir import FeatureSample, ReservoirSampler
from sagan.metrics.features.statistics import Statistics, StreamingStatistics, few_samples_warnings
from sagan.metrics.image_sets import ImageSet, LoadedImages, describe_sizes
from sagan.metrics.scores.frechet import frechet_distance
from sagan.metrics.scores.kernel import kernel_distance
from sagan.metrics.scores.prdc import compute_prdc
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents

logger = logging.getLogger(__name__)


def generated_images(
    bundle: GeneratorBundle, config: EvaluationConfig, device: torch.device, other: ImageSet | None
) -> ImageSet:
    """Samples of a generator, drawn as they are read.

    Their labels have the class frequencies of the `other` images, where these have the generator's
    classes and `config.labels` does not say even; else they are even.
    """
    bundle, counts = bundle.choose(config.weights), np.ones(bundle.num_classes, dtype=np.int64)
    known = None if other is None else other.labels_among(bundle.class_names)
    if config.labels == "reference" and known is not None and known.max() < len(counts):
        counts = np.bincount(known, minlength=len(counts))
    labels = evaluation_labels(config.num_samples, counts)

    def read(batch_size: int) -> Iterator[torch.Tensor]:
        source = (bundle.latent_dim, config.seed, config.truncation)
        latents = sample_latents(len(labels), *source)
        yield from generate(bundle.load(str(device)), latents, labels, batch_size, device)

    origin = {
        "class_labels": name_labels(len(labels), counts),
        "seed": config.seed,
        "truncation": config.truncation,
        "generator": bundle.facts,
    }
    return ImageSet(bundle.path, len(labels), origin, read, labels.numpy(), bundle.class_names)


def evaluate_images(
    samples: ImageSet,
    reference: ImageSet,
    config: EvaluationConfig,
    workspace: Path,
    device: torch.device,
) -> dict[str, Any]:
    """Compare images with others; the arguments are those of `compare`.

    Returns:
        JSON-able: as `evaluate`, where the reference is of shards and the samples have their
        classes and size; else as `compare`.

    Raises:
        FileNotFoundError: if Inception's weights are asked for and absent.
        ValueError: if labels are not of the shards' classes, sizes are not the features', there are
            fewer than two images, or as `evaluate`.
    """
    store = reference.store
    if store is not None and samples.statistics is None:
        labels = samples.labels_among(store.class_names)
        if labels is None:
            why = "the classes of the samples are not known, or not those of the shards"
        elif any(size != (store.image_size,) * 2 for size in samples.sizes()):
            why = f"the samples are not of the shards' {store.image_size} px"
        else:
            place: dict[str, Any] = {"workspace": workspace, "device": device}
            return _against_shards(samples, labels, store, config, **place)
        logger.warning("scores of classes and of memorisation are left out: %s", why)
    return compare(samples, reference, config, workspace, device)


def _against_shards(
    samples: ImageSet,
    labels: np.ndarray,
    store: ShardStore,
    config: EvaluationConfig,
    *,
    workspace: Path,
    device: torch.device,
) -> dict[str, Any]:
    unknown = labels[(labels < 0) | (labels >= store.num_classes)]
    if len(unknown):
        raise ValueError(
            f"{samples.path}: {len(unknown)} class labels are outside 0..{store.num_classes - 1}, "
            f"the shards' classes: {unknown[:5].tolist()}"
        )
    config = _config_for_files(config, samples.count)
    reference = reference_statistics(store, config, workspace, device)

    def batches() -> Iterator[Batch]:
        start = 0
        for images in samples.read_as(store.image_channels, config.batch_size):
            yield images, torch.from_numpy(labels[start : start + len(images)])
            start += len(images)

    return evaluate(
        batches(),
        store,
        reference,
        config,
        workspace=workspace,
        device=device,
        origin=samples.origin,
    )


def _config_for_files(config: EvaluationConfig, count: int) -> EvaluationConfig:
    """The configuration without what only a generator can be asked."""
    if config.sweep.truncations:
        logger.info("no truncation curve: it needs a generator to sample from")
    if config.weights is not None:
        logger.info("weights: %s: not known of samples that were drawn before", config.weights)
    return config.model_copy(update={"num_samples": count, "sweep": SweepConfig()})


class _Measured(NamedTuple):
    """Features of one set of images."""

    statistics: Statistics
    kept: FeatureSample | None
    """None: there are no images, only statistics."""
    sizes: set[tuple[int, int]]
    """Heights and widths."""


def compare(
    samples: ImageSet,
    reference: ImageSet,
    config: EvaluationConfig,
    workspace: Path,
    device: torch.device,
) -> dict[str, Any]:
    """Scores of two sets of images that need no classes.

    Each image goes to the features at its own size, by their own resizing rule, so that `fid` is
    that of pytorch-fid's command. Other features are learnt from the reference.

    Args:
        samples: the images to be judged.
        reference: the images that they are compared with.
        config: the protocol; the number of samples is the files'.
        workspace: cache of features and classifiers.
        device: where to compute.

    Returns:
        JSON-able: the Fréchet distance (`fid`, ...), and as far as configured the kernel distance,
        precision, recall, density and coverage; `details`, `warnings`, `protocol`.

    Raises:
        FileNotFoundError: if Inception's weights are asked for and absent.
        ValueError: if the configuration has what only shards have, there are fewer than two images,
            or sizes are not those that learnt features need.
    """
    _check_config(config)
    learnt_from = reference.store or LoadedImages(reference)
    if config.features != "inception":
        _require_size(samples, learnt_from.image_size)
    extractor = feature_extractor(config, learnt_from, workspace, device)
    first = _measure(samples, extractor, config, config.kept_samples)
    second = _measure(reference, extractor, config, config.kept_reference)
    scores, details = _scores(first, second, extractor, config, device)
    warnings = few_samples_warnings(
        extractor.metric, samples=first.statistics, reference=second.statistics
    )
    warnings += _set_warnings((samples, first), (reference, second))
    if isinstance(extractor, ClassifierFeatures):
        details["network"] = extractor.classifier.facts
        warnings += weak_classifier_warnings(extractor.classifier)
    return {
        **scores,
        "details": details,
        "warnings": log_warnings(warnings + inception_warnings(extractor.protocol)),
        "protocol": {
            "features": config.features,
            "samples": {"count": samples.count, **samples.origin},
            "reference": {
                "count": reference.count,
                **reference.origin,
                "features": extractor.protocol,
            },
            "covariance": "unbiased (N - 1), float64",
            **config.model_dump(include={"kernel", "neighbours"}),
            "device": str(device),
            "versions": versions(),
        },
    }


def _check_config(config: EvaluationConfig) -> None:
    for name, default in (("protocol", None), ("reference_count", None), ("repeats", 1)):
        if getattr(config, name) != default:
            raise ValueError(
                f"evaluation.{name} is for samples with classes against shards only; "
                f"set it to {json.dumps(default)}"
            )


def _require_size(images: ImageSet, side: int) -> None:
    """Refuse images of other sizes than those from which features are learnt, before that is done.

    Raises:
        ValueError: naming the first such size.
    """
    wrong = next((size for size in images.sizes() if size != (side, side)), None)
    if wrong is not None:
        raise ValueError(
            f"'{images.path}' has images of {describe_sizes([wrong])}, but the features are learnt "
            f"from images of {side}x{side} px: make the sizes equal, or use Inception's features, "
            "which take any size"
        )


def _measure(
    images: ImageSet, extractor: FeatureExtractor, config: EvaluationConfig, kept: int
) -> _Measured:
    if images.statistics is not None and config.features == "inception":
        return _Measured(images.statistics, None, set())
    statistics, sampler = StreamingStatistics(), ReservoirSampler(kept)
    sizes: set[tuple[int, int]] = set()
    read = images.read
    if isinstance(extractor, ClassifierFeatures):
        read = partial(images.read_as, extractor.classifier.network.image_channels)
    with progress_bar(f"features of {images.path.name}", images.count, leave=False) as bar:
        for batch in read(config.batch_size):
            sizes.add((batch.shape[-2], batch.shape[-1]))
            features = extractor(batch)
            statistics.update(features)
            sampler.update(features.float(), torch.zeros(len(batch), dtype=torch.int64))
            bar.update(len(batch))
    return _Measured(statistics.result(), sampler.result(), sizes)


def _scores(
    first: _Measured,
    second: _Measured,
    extractor: FeatureExtractor,
    config: EvaluationConfig,
    device: torch.device,
) -> tuple[dict[str, float], dict[str, Any]]:
    scores = {extractor.metric: frechet_distance(first.statistics, second.statistics)}
    details: dict[str, Any] = {}
    if first.kept is None or second.kept is None:
        logger.warning(
            "kernel distance, precision, recall, density, coverage need images; left out"
        )
        return scores, details
    fake, real = first.kept.rows.to(device), second.kept.rows.to(device)
    if config.kernel is not None:
        found = kernel_distance(fake, real, **config.kernel.model_dump())
        scores[extractor.kernel_metric] = found.mean
        details[extractor.kernel_metric] = found._asdict()
    settings = config.neighbours
    if settings is not None:
        fewest = max(settings.precision_recall_k, settings.density_coverage_k) + 1
        if min(len(fake), len(real)) >= fewest:
            scores |= compute_prdc(fake, real, **settings.model_dump())._asdict()
        else:
            logger.warning("precision, recall, density, coverage: fewer than %d images", fewest)
    return scores, details


def _set_warnings(*sides: tuple[ImageSet, _Measured]) -> list[str]:
    """What makes the two sets differ before what they show: sizes, class frequencies."""
    warnings = []
    if len({size for _, measured in sides for size in measured.sizes}) > 1:
        told = "; ".join(f"'{i.path}': {describe_sizes(m.sizes)}" for i, m in sides)
        warnings.append(
            f"sizes differ ({told}): each image is resized to the features' size by itself, so "
            "that the distance is also one of sharpness"
        )
    (samples, _), (reference, _) = sides
    names, real = reference.class_names or (), reference.labels
    asked = samples.labels_among(names)
    if real is not None and asked is not None and asked.max() < len(names):
        counts = [np.bincount(labels, minlength=len(names)) for labels in (asked, real)]
        warnings += frequency_warnings(counts[0], counts[1], names)
    return warnings
