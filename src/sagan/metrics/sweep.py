"""Fidelity against variety as the latents are truncated (Brock et al. 2019, section 3.1)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor

from sagan.metrics.features.extractor import Batch
from sagan.metrics.features.reservoir import KeptRows
from sagan.metrics.features.statistics import Statistics, StreamingStatistics
from sagan.metrics.scores.frechet import frechet_distance
from sagan.metrics.scores.prdc import manifold_radii, manifolds


def truncation_sweep(
    truncations: Sequence[float],
    draw: Callable[[float], Iterable[Batch]],
    features: Callable[[Tensor], Tensor],
    reference: Statistics,
    real: Tensor,
    *,
    precision_recall_k: int = 3,
    kept_samples: int = 10_000,
) -> list[dict[str, Any]]:
    """The curve that a truncation is chosen by.

    Args:
        truncations: where to measure, standard deviations of the latents.
        draw: truncation -> samples, each time in one pass.
        features: uint8 [N, 3, H, W] -> float [N, D].
        reference: statistics of the real images, all of them.
        real: features float [M, D] of real images, the manifold of precision and recall.
        precision_recall_k: neighbourhood of precision and recall.
        kept_samples: samples compared with that manifold, at most.

    Returns:
        JSON-able, a point a truncation in the order given: `truncation`, `frechet_distance`,
        `precision`, `recall`, `samples` and `neighbourhood_samples`.

    Raises:
        ValueError: if there are too few samples, or features are NaN or infinite.
    """
    if not truncations:
        return []
    balls = manifold_radii(real, precision_recall_k, precision_recall_k)
    curve = []
    for truncation in truncations:
        streaming, keeping = StreamingStatistics(), KeptRows(kept_samples)
        for images, class_labels in draw(truncation):
            batch = features(images)
            streaming.update(batch)
            keeping.update(batch, class_labels)
        statistics, kept = streaming.result(), keeping.result()
        shares = manifolds(
            kept.rows.to(real.device),
            real,
            precision_recall_k=precision_recall_k,
            density_coverage_k=precision_recall_k,
            real_radii=balls,
        )
        curve.append(
            {
                "truncation": truncation,
                "frechet_distance": frechet_distance(statistics, reference),
                "precision": shares.precision,
                "recall": shares.recall,
                "samples": statistics.count,
                "neighbourhood_samples": len(kept.rows),
            }
        )
    return curve
