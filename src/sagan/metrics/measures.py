"""All scores of one set of samples, with their details and confidence intervals."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sagan.metrics.accumulators import SampleAccumulators
from sagan.metrics.class_labels import Counts, frequency_warnings, matching_features
from sagan.metrics.context import EvaluationContext
from sagan.metrics.features.classifier import RotationFeatures, weak_classifier_warnings
from sagan.metrics.features.reservoir import FeatureSample
from sagan.metrics.scores.accuracy_scores import StoredImages, accuracy_scores
from sagan.metrics.scores.distances import Neighbours, nearest
from sagan.metrics.scores.extrapolation import extrapolate
from sagan.metrics.scores.intervals import bootstrap_interval, wilson_interval
from sagan.metrics.scores.intra_class import intra_class_distances, intra_class_warnings
from sagan.metrics.scores.kernel import kernel_distance
from sagan.metrics.scores.memorisation import memorisation
from sagan.metrics.scores.prdc import compute_prdc

STANDARD_SAMPLES = 50_000  # of a Fréchet distance as it is commonly reported
MIN_EXTRAPOLATION_SAMPLES = 200
PAIRS_SHOWN = 8  # samples listed with their nearest training images: the closest, and as many drawn
NEIGHBOURS_SHOWN = 3  # training images listed for each
_ONE_CLASS = (
    "the images have one class: recognised, classes_hit, class_entropy, accuracy scores and "
    "distances within a class mean nothing then and are left out"
)


@dataclass
class Measurements:
    """Scores of one set of samples."""

    scores: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    intervals: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    asked: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Samples asked for of each class: int64 [K]."""


def measure(context: EvaluationContext, samples: SampleAccumulators) -> Measurements:
    """Compute all configured scores from the accumulated samples.

    Raises:
        ValueError: if there are fewer than two samples.
    """
    statistics = samples.statistics.result()  # first, since it refuses too few samples
    measured, features = Measurements(asked=samples.asked), samples.features.result()
    names, reference = context.shards.class_names, context.reference_class_counts
    measured.warnings += frequency_warnings(samples.asked, reference, names)
    measured.scores[context.extractor.metric] = context.distance(statistics)
    _add_distance_interval(context, features, measured)
    _add_kernel_distance(context, features, measured)
    _add_label_score(context, samples, measured)
    if isinstance(context.extractor, RotationFeatures):
        measured.details["rotation_network"] = context.extractor.classifier.facts
        measured.warnings += weak_classifier_warnings(context.extractor.classifier)
    _add_prdc(context, features, measured)
    _add_class_coverage(context, samples, measured)
    measured.scores |= samples.diversity.result()
    if context.shards.num_classes == 1:
        measured.warnings.append(_ONE_CLASS)
    elif context.config.intra_class:
        _add_intra_class(context, features, measured)
    if context.config.memorisation:
        _add_memorisation(context, features, measured)
    if samples.images is not None:
        _add_accuracy_scores(context, samples.images.result(), measured)
    return measured


def real_baseline(context: EvaluationContext, asked: Counts) -> dict[str, Any]:
    """Scores of another split of real images: the optimum that a generator can reach.

    Args:
        context: of the evaluation.
        asked: samples of each class, whose frequencies the real images shall have: int64 [K].
    """
    if context.other_split is None:
        return {}
    measured = Measurements()
    features = matching_features(context.real_features(context.other_split), asked)
    _add_kernel_distance(context, features, measured)
    _add_prdc(context, features, measured)
    deviations = {
        f"{name}_std": detail["std"] for name, detail in measured.details.items() if "std" in detail
    }
    return measured.scores | deviations


def _add_distance_interval(
    context: EvaluationContext, sample: FeatureSample, measured: Measurements
) -> None:
    config, name = context.config, context.extractor.metric
    rows = context.on_device(sample)  # dozens of covariances
    if config.bootstrap_resamples > 1 and config.repeats == 1:
        measured.intervals[name] = bootstrap_interval(
            rows,
            context.distance,
            resamples=config.bootstrap_resamples,
            estimate=measured.scores[name],
        )
    enough = len(rows) >= MIN_EXTRAPOLATION_SAMPLES
    if config.extrapolation_points > 1 and enough and sample.seen < STANDARD_SAMPLES:
        line = extrapolate(rows, context.distance, points=config.extrapolation_points)
        measured.scores[f"{name}_infinity"] = line.distance
        measured.details[f"{name}_infinity"] = {
            "method": "straight line over 1 / samples",
            "samples": line.counts,
            "distances": line.distances,
        }


def _add_kernel_distance(
    context: EvaluationContext, sample: FeatureSample, measured: Measurements
) -> None:
    settings, name = context.config.kernel, context.extractor.kernel_metric
    if settings is None:
        return
    found = kernel_distance(
        context.on_device(sample),
        context.on_device(context.real_features()),
        subsets=settings.subsets,
        subset_size=settings.subset_size,
    )
    measured.scores[name] = found.mean
    measured.details[name] = {
        "std": found.std,
        "subsets": found.subsets,
        "subset_size": found.subset_size,
    }


def _add_label_score(
    context: EvaluationContext, samples: SampleAccumulators, measured: Measurements
) -> None:
    name, score = context.extractor.label_score, samples.label_score
    if name is None:
        return
    if score.count < score.splits:
        measured.warnings.append(
            f"{name}: {score.count} samples are too few for {score.splits} splits; not measured"
        )
        return
    found = score.result()
    measured.scores[name] = found.mean
    measured.details[name] = {"std": found.std, "splits": found.splits}


def _add_prdc(context: EvaluationContext, sample: FeatureSample, measured: Measurements) -> None:
    settings, real = context.config.neighbours, context.real_features()
    if settings is None:
        return
    needed = max(settings.precision_recall_k, settings.density_coverage_k) + 1
    if min(len(sample.rows), len(real.rows)) < needed:
        measured.warnings.append(
            f"precision, recall, density and coverage need {needed} images on each side, got "
            f"{len(sample.rows)} and {len(real.rows)}; not measured"
        )
        return
    scores = compute_prdc(
        context.on_device(sample),
        context.on_device(real),
        precision_recall_k=settings.precision_recall_k,
        density_coverage_k=settings.density_coverage_k,
        real_radii=context.real_radii,
        what="neighbours",
    )
    measured.scores |= scores._asdict()
    count = len(sample.rows)
    if context.config.repeats == 1:
        correct = round(scores.precision * count)
        measured.intervals["precision"] = wilson_interval(correct, count)
    measured.details["neighbours"] = {"samples": count, "real_images": len(real.rows)}


def _add_class_coverage(
    context: EvaluationContext, samples: SampleAccumulators, measured: Measurements
) -> None:
    classifier, coverage = context.classifier, samples.class_coverage
    if classifier is None:
        return
    scores = coverage.result()
    by_class = dict(zip(context.shards.class_names, scores.pop("recognised_by_class"), strict=True))
    measured.scores |= scores
    if context.config.repeats == 1:
        count = coverage.effective_count
        measured.intervals["recognised"] = wilson_interval(
            round(scores["recognised"] * count), count
        )
    measured.details["classifier"] = classifier.facts
    measured.warnings += weak_classifier_warnings(classifier)
    measured.details["recognised_by_class"] = by_class


def _add_intra_class(
    context: EvaluationContext, sample: FeatureSample, measured: Measurements
) -> None:
    names, real = context.shards.class_names, context.real_features()
    distances = intra_class_distances(sample, real, names, device=context.device)
    measured.warnings += intra_class_warnings(distances)
    mean = distances.pop("mean")
    if mean is not None:
        measured.scores[f"intra_{context.extractor.metric}"] = mean
    measured.details["intra_class"] = distances


def _add_memorisation(
    context: EvaluationContext, sample: FeatureSample, measured: Measurements
) -> None:
    """Distances to the nearest training images, compared with those of held-out real images."""
    if not {"train", "val"} <= set(context.shards.splits):
        measured.warnings.append("memorisation is not measured: it needs a train and a val split")
        return
    training = context.real_features("train")
    held_out = matching_features(context.real_features("val"), measured.asked)
    base = context.on_device(training)
    k = min(NEIGHBOURS_SHOWN, len(base))
    neighbours = nearest(context.on_device(sample), base, k, what="nearest training images")
    distances = neighbours.distances[:, 0].cpu()
    held_out_distances = nearest(context.on_device(held_out), base).distances[:, 0].cpu()
    result = memorisation(distances.numpy(), held_out_distances.numpy())
    measured.scores |= {"memorisation": result.score, "near_copies": result.near_copies}
    closest = torch.argsort(distances, stable=True)[:PAIRS_SHOWN]
    order = np.random.default_rng(0).permutation(len(distances))
    drawn = torch.from_numpy(order[:PAIRS_SHOWN])
    measured.details["nearest_training_images"] = {
        "training_images": f"{len(training.rows):,} of {training.seen:,}",
        "held_out_images": f"{len(held_out.rows):,} of {held_out.seen:,}, split val",
        "median_distance": float(distances.median()),
        "median_distance_held_out": float(held_out_distances.median()),
        "closest": _pairs(closest, sample, training, neighbours),
        "drawn": _pairs(drawn, sample, training, neighbours),
    }


def _pairs(
    chosen: Tensor, sample: FeatureSample, training: FeatureSample, neighbours: Neighbours
) -> list[dict[str, Any]]:
    """Indices of the chosen samples and of the training images nearest to each."""
    indices = training.indices[neighbours.indices[chosen].cpu()]
    return [
        {"sample": index, "training_images": nearest_indices, "distances": distances}
        for index, nearest_indices, distances in zip(
            sample.indices[chosen].tolist(),
            indices.tolist(),
            neighbours.distances[chosen].tolist(),
            strict=True,
        )
    ]


def _add_accuracy_scores(
    context: EvaluationContext, images: FeatureSample, measured: Measurements
) -> None:
    if context.classifier is None or context.config.classifier is None:
        return
    measured.details["accuracy_scores"] = accuracy_scores(
        StoredImages(images.rows, images.class_labels.numpy()),
        context.shards,
        context.config.classifier,
        context.classifier,
        context.device,
    )
