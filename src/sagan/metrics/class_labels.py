"""Class labels of a measurement: those asked for, and how their frequencies differ from others.

Labels in other frequencies than the reference's make even a perfect generator's distance large:
with two classes in 95:5 and labels asked for evenly, half of the samples are of the rare class.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import Tensor

from sagan.data.shards.store import ShardStore
from sagan.metrics.config import MIN_SAMPLES, EvaluationConfig
from sagan.metrics.features.reservoir import FeatureSample
from sagan.metrics.named_protocols import EVEN_LABELS, REFERENCE_LABELS

TOLERANCE = 0.02  # total variation up to which frequencies count as equal
BY_CHANCE = 0.001  # of two random sets of images, whose frequencies differ as much, at most

Counts = NDArray[np.int64]


def evaluation_labels(num_samples: int, class_counts: Sequence[int] | Counts) -> Tensor:
    """Labels in the proportions of `class_counts`, by largest remainder.

    Each class's samples are spread over the whole, so that the first n have nearly the same
    proportions; of equal counts: 0, 1, ..., K-1, 0, 1, ...

    Args:
        num_samples: N.
        class_counts: K of them.

    Returns:
        int64 [N].
    """
    counts = apportion(num_samples, np.asarray(class_counts, dtype=np.int64))
    labels = np.repeat(np.arange(len(counts)), counts)
    places = (_ranks(counts) + 0.5) / counts[labels]  # in 0..1, evenly within each class
    return torch.from_numpy(labels[np.lexsort((labels, places))])


def apportion(total: int, weights: Counts) -> Counts:
    """Whole numbers of this total in the proportions of `weights`, by largest remainder."""
    counts, remainders = np.divmod(total * weights, weights.sum())
    counts[np.argsort(-remainders, kind="stable")[: total - counts.sum()]] += 1
    return counts


def asked_counts(config: EvaluationConfig, reference: Counts) -> Counts:
    """Proportions of the classes that `config.labels` asks the generator for: int64 [K]."""
    return np.ones_like(reference) if config.labels == "even" else reference


def name_labels(num_samples: int, class_counts: Counts) -> str:
    """How labels are recorded in the protocol: as even ones if they are the same as even ones."""
    even = apportion(num_samples, np.ones_like(class_counts))
    same = np.array_equal(apportion(num_samples, class_counts), even)
    return EVEN_LABELS if same else REFERENCE_LABELS


def total_variation(first: Counts, second: Counts) -> float:
    """Half the sum of the absolute differences of two sets of class frequencies, 0..1."""
    return float(np.abs(first / first.sum() - second / second.sum()).sum() / 2)


def frequency_warnings(asked: Counts, reference: Counts, class_names: Sequence[str]) -> list[str]:
    """A warning if samples have other class frequencies than the reference, beyond rounding."""
    count = int(asked.sum())
    nearest = apportion(count, reference)
    difference = total_variation(asked, nearest)
    if difference <= TOLERANCE:
        return []
    furthest = int(np.abs(asked - nearest).argmax())
    return [
        f"the samples' class frequencies differ from the reference's by {difference:.2f} (total "
        f"variation; {class_names[furthest]}: {asked[furthest] / count:.1%} of the samples, "
        f"{reference[furthest] / reference.sum():.1%} of the real images), so that the distances, "
        "precision, recall and coverage of a perfect generator are not those of real images; "
        "evaluation.labels: reference asks for the reference's frequencies"
    ]


def expected_warnings(config: EvaluationConfig, shards: ShardStore) -> list[str]:
    """The warning of a later measurement of a generator, from what the configuration asks for."""
    labels = shards.split(config.reference_split).labels
    reference = np.bincount(labels, minlength=shards.num_classes)
    asked = apportion(config.num_samples, asked_counts(config, reference))
    return frequency_warnings(asked, reference, shards.class_names)


def matching(labels: Counts, asked: Counts) -> NDArray[np.intp] | None:
    """The largest part of real images that has the samples' class frequencies.

    Args:
        labels: of the real images.
        asked: samples of each class; classes without real images are left out.

    Returns:
        Ascending indices; None if all images have these frequencies, up to chance, or if fewer
        than two images would be left.
    """
    counts = np.bincount(labels, minlength=len(asked))
    wanted = np.where(counts > 0, asked, 0)
    if not wanted.any() or not _differ(counts, asked):
        return None
    possible = counts[wanted > 0] * wanted.sum() // wanted[wanted > 0]
    kept = apportion(int(possible.min()), wanted)
    if kept.sum() < MIN_SAMPLES:
        return None
    order = np.random.default_rng(0).permutation(len(labels))
    by_class = order[np.argsort(labels[order], kind="stable")]
    return np.sort(by_class[_ranks(counts) < np.repeat(kept, counts)])


def matching_features(sample: FeatureSample, asked: Counts) -> FeatureSample:
    """The part of real images' features that has the samples' class frequencies; see `matching`."""
    kept = matching(sample.class_labels.numpy(), asked)
    if kept is None:
        return sample
    chosen = torch.from_numpy(kept)
    return FeatureSample(
        sample.rows[chosen], sample.class_labels[chosen], sample.indices[chosen], sample.seen
    )


def _differ(counts: Counts, asked: Counts) -> bool:
    """Whether frequencies differ by more than the tolerance and by more than chance."""
    table = np.stack([counts, asked])[:, counts + asked > 0]
    if total_variation(counts, asked) <= TOLERANCE:
        return False
    return bool(stats.chi2_contingency(table).pvalue < BY_CHANCE)


def _ranks(counts: Counts) -> Counts:
    """0 .. n-1 within each class, of rows sorted by class."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
