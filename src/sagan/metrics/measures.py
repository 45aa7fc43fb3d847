"""The numbers made of one draw of samples, each with its particulars and its interval."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sagan.metrics.accumulators import SamplePass
from sagan.metrics.context import Bench
from sagan.metrics.features.classifier import weak_classifier_warnings
from sagan.metrics.features.reservoir import Kept
from sagan.metrics.scores.accuracy_scores import StoredImages, accuracy_scores
from sagan.metrics.scores.distances import Neighbours, nearest
from sagan.metrics.scores.extrapolation import extrapolate
from sagan.metrics.scores.intervals import bootstrap_interval, wilson_interval
from sagan.metrics.scores.intra_class import intra_class_distances, intra_class_warnings
from sagan.metrics.scores.kernel import kernel_distance
from sagan.metrics.scores.memorisation import memorisation
from sagan.metrics.scores.prdc import manifolds

ENOUGH_SAMPLES = 50_000  # for a Fréchet distance as it is commonly reported
FEWEST_TO_EXTRAPOLATE = 200
PAIRS_SHOWN = 8  # samples beside their nearest training images: the nearest, and as many drawn
NEIGHBOURS_SHOWN = 3  # training images beside each


@dataclass
class Measured:
    """What is known of one draw."""

    scores: dict[str, float] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    intervals: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def measure(bench: Bench, passed: SamplePass) -> Measured:
    """All numbers of the samples that have passed.

    Raises:
        ValueError: if there are fewer than two samples.
    """
    statistics = passed.statistics.result()  # refuses too few before anything else is tried
    measured, kept = Measured(), passed.kept.result()
    measured.scores[bench.extractor.metric] = bench.distance(statistics)
    _distance_interval(bench, kept, measured)
    if bench.config.kernel is not None:
        _kernel(bench, kept, measured)
    _label_score(bench, passed, measured)
    if bench.config.neighbours is not None:
        _neighbours(bench, kept, measured)
    _recognition(bench, passed, measured)
    measured.scores |= passed.spread.result()
    if bench.config.intra_class:
        _intra_class(bench, kept, measured)
    if bench.config.memorisation:
        _memorisation(bench, kept, measured)
    if passed.images is not None:
        _accuracy(bench, passed.images.result(), measured)
    return measured


def real_against_real(bench: Bench) -> dict[str, Any]:
    """What a perfect generator could score, by another split in the place of samples."""
    if bench.other_split is None:
        return {}
    measured, kept = Measured(), bench.real(bench.other_split)
    if bench.config.kernel is not None:
        _kernel(bench, kept, measured)
    if bench.config.neighbours is not None:
        _neighbours(bench, kept, measured)
    deviations = {
        f"{name}_std": detail["std"] for name, detail in measured.details.items() if "std" in detail
    }
    return measured.scores | deviations


def _distance_interval(bench: Bench, kept: Kept, measured: Measured) -> None:
    config, name = bench.config, bench.extractor.metric
    if config.bootstrap_resamples > 1 and config.repeats == 1:
        measured.intervals[name] = bootstrap_interval(
            kept.rows,
            bench.distance,
            resamples=config.bootstrap_resamples,
            estimate=measured.scores[name],
        )
    few = FEWEST_TO_EXTRAPOLATE <= len(kept.rows) < ENOUGH_SAMPLES
    if config.extrapolation_points > 1 and few and kept.seen < ENOUGH_SAMPLES:
        line = extrapolate(kept.rows, bench.distance, points=config.extrapolation_points)
        measured.scores[f"{name}_infinity"] = line.distance
        measured.details[f"{name}_infinity"] = {
            "method": "straight line over 1 / samples",
            "samples": line.counts,
            "distances": line.distances,
        }


def _kernel(bench: Bench, kept: Kept, measured: Measured) -> None:
    settings, name = bench.config.kernel, bench.extractor.kernel_metric
    if settings is None:
        return
    found = kernel_distance(
        bench.on_device(kept),
        bench.on_device(bench.real()),
        subsets=settings.subsets,
        subset_size=settings.subset_size,
    )
    measured.scores[name] = found.mean
    measured.details[name] = {
        "std": found.std,
        "subsets": found.subsets,
        "subset_size": found.subset_size,
    }


def _label_score(bench: Bench, passed: SamplePass, measured: Measured) -> None:
    name, score = bench.extractor.label_score, passed.label_score
    if score.count < score.splits:
        measured.warnings.append(
            f"{name}: {score.count} samples are too few for {score.splits} splits; not measured"
        )
        return
    found = score.result()
    measured.scores[name] = found.mean
    measured.details[name] = {"std": found.std, "splits": found.splits}


def _neighbours(bench: Bench, kept: Kept, measured: Measured) -> None:
    settings, real = bench.config.neighbours, bench.real()
    if settings is None:
        return
    needed = max(settings.precision_recall_k, settings.density_coverage_k) + 1
    if min(len(kept.rows), len(real.rows)) < needed:
        measured.warnings.append(
            f"precision, recall, density and coverage need {needed} images on each side, got "
            f"{len(kept.rows)} and {len(real.rows)}; not measured"
        )
        return
    found = manifolds(
        bench.on_device(kept),
        bench.on_device(real),
        precision_recall_k=settings.precision_recall_k,
        density_coverage_k=settings.density_coverage_k,
        real_radii=bench.real_radii,
        what="neighbours",
    )
    measured.scores |= found._asdict()
    count = len(kept.rows)
    if bench.config.repeats == 1:
        right = round(found.precision * count)
        measured.intervals["precision"] = wilson_interval(right, count)
    measured.details["neighbours"] = {"samples": count, "real_images": len(real.rows)}


def _recognition(bench: Bench, passed: SamplePass, measured: Measured) -> None:
    classifier, modes = bench.classifier, passed.modes
    if classifier is None:
        return
    found = modes.result()
    by_class = dict(zip(bench.shards.class_names, found.pop("recognised_by_class"), strict=True))
    measured.scores |= found
    if bench.config.repeats == 1:
        measured.intervals["recognised"] = wilson_interval(modes.right, modes.count)
    measured.details["classifier"] = classifier.facts
    measured.warnings += weak_classifier_warnings(classifier.facts, bench.shards.num_classes)
    measured.details["recognised_by_class"] = by_class


def _intra_class(bench: Bench, kept: Kept, measured: Measured) -> None:
    names, real = bench.shards.class_names, bench.real()
    found = intra_class_distances(kept, real, names, device=bench.device)
    measured.warnings += intra_class_warnings(found)
    mean = found.pop("mean")
    if mean is not None:
        measured.scores[f"intra_{bench.extractor.metric}"] = mean
    measured.details["intra_class"] = found


def _memorisation(bench: Bench, kept: Kept, measured: Measured) -> None:
    """Nearest training images, beside those of real images that were not trained on."""
    if not {"train", "val"} <= set(bench.shards.splits):
        measured.warnings.append("memorisation is not measured: it needs a train and a val split")
        return
    training, held_out = bench.real("train"), bench.real("val")
    base = bench.on_device(training)
    beside = min(NEIGHBOURS_SHOWN, len(base))
    found = nearest(bench.on_device(kept), base, beside, what="nearest training images")
    distances = found.distances[:, 0].cpu()
    unseen = nearest(bench.on_device(held_out), base).distances[:, 0].cpu()
    result = memorisation(distances.numpy(), unseen.numpy())
    measured.scores |= {"memorisation": result.score, "near_copies": result.near_copies}
    closest = torch.argsort(distances, stable=True)[:PAIRS_SHOWN]
    order = np.random.default_rng(0).permutation(len(distances))
    drawn = torch.from_numpy(order[:PAIRS_SHOWN])
    measured.details["nearest_training_images"] = {
        "training_images": f"{len(training.rows):,} of {training.seen:,}",
        "held_out_images": f"{len(held_out.rows):,} of {held_out.seen:,}, split val",
        "median_distance": float(distances.median()),
        "median_distance_held_out": float(unseen.median()),
        "closest": _pairs(closest, kept, training, found),
        "drawn": _pairs(drawn, kept, training, found),
    }


def _pairs(chosen: Tensor, kept: Kept, training: Kept, found: Neighbours) -> list[dict[str, Any]]:
    """Places of some samples in their series, and of the training images nearest to each."""
    places = training.indices[found.indices[chosen].cpu()]
    return [
        {"sample": sample, "training_images": near, "distances": lengths}
        for sample, near, lengths in zip(
            kept.indices[chosen].tolist(),
            places.tolist(),
            found.distances[chosen].tolist(),
            strict=True,
        )
    ]


def _accuracy(bench: Bench, images: Kept, measured: Measured) -> None:
    if bench.classifier is None or bench.config.classifier is None:
        return
    measured.details["accuracy_scores"] = accuracy_scores(
        StoredImages(images.rows, images.class_labels.numpy()),
        bench.shards,
        bench.config.classifier,
        bench.classifier,
        bench.device,
    )
