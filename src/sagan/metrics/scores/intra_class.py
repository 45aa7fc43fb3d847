"""The Fréchet distance class by class (the paper's intra FID, section 4; Miyato and Koyama 2018).

A generator that confuses classes, or draws one image per class, can have a good overall distance.

The covariances of a thousand classes in 2,048 dimensions would take 33 GB, so statistics are
computed class by class from stored features. If a class has fewer images than dimensions, its
distance is computed from the Gram matrix of the images instead of the covariances: exactly, at a
thousandth of the cost.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sagan.metrics.config import MIN_SAMPLES
from sagan.metrics.features.reservoir import FeatureSample
from sagan.metrics.features.statistics import statistics_of_rows
from sagan.metrics.scores.frechet import frechet_distance


def frechet_distance_of_features(first: Tensor, second: Tensor) -> float:
    """The Fréchet distance of two sets of features, by the cheaper of two methods.

    With X and Y the centred features divided by sqrt(N - 1) and sqrt(M - 1), S1 = X^T X and
    S2 = Y^T Y, the trace of (S1 S2)^(1/2) is the sum of the singular values of X Y^T, [N, M].

    Args:
        first: float [N, D], N >= 2.
        second: float [M, D], M >= 2.

    Returns:
        As `frechet_distance` of their statistics: never negative, in squared feature units.

    Raises:
        ValueError: if there are fewer than two of either, dimensions differ, or one is NaN.
    """
    if min(len(first), len(second)) > first.shape[1]:
        return frechet_distance(statistics_of_rows(first), statistics_of_rows(second))
    if min(len(first), len(second)) < MIN_SAMPLES:
        raise ValueError(
            f"a Fréchet distance needs at least {MIN_SAMPLES} images on each side, got "
            f"{len(first)} and {len(second)}"
        )
    x, y = (side.to(torch.float64) for side in (first, second))
    difference = x.mean(dim=0) - y.mean(dim=0)
    x, y = ((side - side.mean(dim=0)) / (len(side) - 1) ** 0.5 for side in (x, y))
    products = x @ y.T  # [N, M]
    if not bool(products.isfinite().all()):
        raise ValueError("a Fréchet distance of features that are NaN or infinite")
    root_trace = torch.linalg.matrix_norm(products, "nuc")
    traces = x.square().sum() + y.square().sum()
    return max(0.0, float(difference @ difference + traces - 2 * root_trace))


def intra_class_distances(
    samples: FeatureSample,
    real: FeatureSample,
    class_names: Sequence[str],
    *,
    device: torch.device | None = None,
) -> dict[str, Any]:
    """The distance of each class's samples to its real images.

    Args:
        samples: features float [N, D] and the requested classes.
        real: features float [M, D] and their classes.
        class_names: K of them.
        device: of the computation.

    Returns:
        JSON-able: `mean` over the classes that could be compared, None if there is none;
        `worst` and `best`, names in order, at most five; `dimensions`; `samples_a_class` and
        `real_a_class`, [least, most]; `classes_left_out`, those with fewer than two images of
        either side; `classes_biased`, the count of those with no more images than dimensions;
        `table`, name -> distance, None where left out.
    """
    table: dict[str, float | None] = {}
    counts, biased = [], 0
    for label, name in enumerate(class_names):
        sides = [side.rows[side.class_labels == label].to(device) for side in (samples, real)]
        fewest = min(map(len, sides))
        counts.append([len(side) for side in sides])
        known = fewest >= MIN_SAMPLES
        table[name] = frechet_distance_of_features(sides[0], sides[1]) if known else None
        biased += known and fewest <= samples.rows.shape[1]
    known_distances = {name: value for name, value in table.items() if value is not None}
    ranked = sorted(known_distances, key=known_distances.__getitem__)
    sizes = np.array(counts).reshape(-1, 2)
    return {
        "mean": float(np.mean(list(known_distances.values()))) if known_distances else None,
        "worst": ranked[::-1][:5],
        "best": ranked[:5],
        "dimensions": int(samples.rows.shape[1]),
        "samples_a_class": [int(sizes[:, 0].min()), int(sizes[:, 0].max())],
        "real_a_class": [int(sizes[:, 1].min()), int(sizes[:, 1].max())],
        "classes_left_out": [name for name, value in table.items() if value is None],
        "classes_biased": biased,
        "table": table,
    }


def intra_class_warnings(result: dict[str, Any]) -> list[str]:
    """Warnings about classes that are left out or biased."""
    warnings, left_out = [], result["classes_left_out"]
    if left_out:
        warnings.append(
            f"intra-class distance: {len(left_out)} of {len(result['table'])} classes have fewer "
            f"than {MIN_SAMPLES} samples or real images and are left out: "
            f"{', '.join(left_out[:5])}{', ...' if len(left_out) > 5 else ''}"
        )
    if result["classes_biased"]:
        warnings.append(
            f"intra-class distance: {result['classes_biased']} of {len(result['table'])} classes "
            f"have no more images than the {result['dimensions']} feature dimensions and are "
            "biased upwards: compare them only at the same counts"
        )
    return warnings
