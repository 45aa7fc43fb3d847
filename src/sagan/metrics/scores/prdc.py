"""Precision, recall, density and coverage (PRDC).

Improved precision and recall (Kynkäänniemi et al. 2019, equations 1 and 2); density and coverage
(Naeem et al. 2020, equations 4 and 5). A set's manifold is the union of balls around its vectors,
each reaching to the k-th nearest other vector of its own set.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from sagan.metrics.scores.distances import distance_blocks, nearest

# tolerance, so that rounding does not exclude a vector on a ball's border
BORDER = 1e-9


class PRDC(NamedTuple):
    """Each 1 for samples distributed like the real images; density may be higher."""

    precision: float
    """Share of samples inside the real images' manifold."""
    recall: float
    """Share of real images inside the samples' manifold."""
    density: float
    """Number of real balls that a sample lies in / k, mean over the samples."""
    coverage: float
    """Share of real images whose ball holds a sample."""


def compute_prdc(
    samples: Tensor,
    real: Tensor,
    *,
    precision_recall_k: int = 3,
    density_coverage_k: int = 5,
    real_radii: tuple[Tensor, Tensor] | None = None,
    what: str = "",
) -> PRDC:
    """All four scores in one pass over the distances between samples and real images.

    They depend on the number of images on both sides: compare them at equal counts only.

    Args:
        samples: float [N, D].
        real: float [M, D], on the same device.
        precision_recall_k: k of precision and recall; the paper's is 3.
        density_coverage_k: k of density and coverage; the paper's is 5.
        real_radii: from `manifold_radii`, if the same real images are compared with repeatedly.
        what: title of the progress bar; empty: no bar.

    Raises:
        ValueError: if a side has not more vectors than either k, or a feature is NaN.
    """
    needed = max(precision_recall_k, density_coverage_k) + 1
    if min(len(samples), len(real)) < needed:
        raise ValueError(
            f"neighbourhoods of {needed - 1} need at least {needed} images on each side, got "
            f"{len(samples)} samples and {len(real)} real images"
        )
    if real_radii is None:
        real_radii = manifold_radii(real, precision_recall_k, density_coverage_k, what=what)
    real_squared, dense_squared = (_squared(radius) for radius in real_radii)
    sample_radii, _ = manifold_radii(samples, precision_recall_k, precision_recall_k, what=what)
    sample_squared = _squared(sample_radii)
    precise = torch.zeros(len(samples), dtype=torch.bool, device=samples.device)
    recalled = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    covered, inside = torch.zeros_like(recalled), 0
    for rows, columns, squared in distance_blocks(samples, real, what=what):
        precise[rows] |= (squared <= real_squared[columns]).any(dim=1)
        recalled[columns] |= (squared <= sample_squared[rows, None]).any(dim=0)
        dense = squared <= dense_squared[columns]
        covered[columns] |= dense.any(dim=0)
        inside += int(dense.sum())
    return PRDC(
        precision=_share(precise),
        recall=_share(recalled),
        density=inside / (density_coverage_k * len(samples)),
        coverage=_share(covered),
    )


def manifold_radii(
    features: Tensor, precision_recall_k: int, density_coverage_k: int, *, what: str = ""
) -> tuple[Tensor, Tensor]:
    """Radii of the vectors' balls for both k: float64 [M] each, feature units."""
    k = max(precision_recall_k, density_coverage_k)
    # [M, k], nearest first
    distances = nearest(features, features, k, same=True, what=what).distances
    return distances[:, precision_recall_k - 1], distances[:, density_coverage_k - 1]


def _squared(radius: Tensor) -> Tensor:
    """Squared radii, border included."""
    return radius.square() * (1 + BORDER)


def _share(flags: Tensor) -> float:
    return float(flags.to(torch.float64).mean())
