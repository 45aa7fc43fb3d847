"""Trade-off of fidelity and variety over truncations (Brock et al. 2019, section 3.1)."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor

from sagan.metrics.features.extractor import Batch
from sagan.metrics.features.reservoir import ReservoirSampler
from sagan.metrics.features.statistics import Statistics, StreamingStatistics
from sagan.metrics.scores.frechet import frechet_distance
from sagan.metrics.scores.prdc import compute_prdc, manifold_radii


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
    """Fréchet distance, precision and recall at several truncations.

    Args:
        truncations: in standard deviations of the latents.
        draw: truncation -> samples, consumed in one pass.
        features: uint8 [N, C, H, W] -> float [N, D].
        reference: statistics of the real images, all of them.
        real: features float [M, D] of real images, the manifold of precision and recall.
        precision_recall_k: neighbourhood of precision and recall.
        kept_samples: at most so many samples are compared with that manifold.

    Returns:
        JSON-able, one entry per truncation, in their order: `truncation`, `frechet_distance`,
        `precision`, `recall`, `samples` and `neighbourhood_samples`.

    Raises:
        ValueError: if there are too few samples, or features are NaN or infinite.
    """
    if not truncations:
        return []
    radii = manifold_radii(real, precision_recall_k, precision_recall_k)
    curve = []
    for truncation in truncations:
        streaming, sampler = StreamingStatistics(), ReservoirSampler(kept_samples)
        for images, class_labels in draw(truncation):
            batch = features(images)
            streaming.update(batch)
            sampler.update(batch, class_labels)
        statistics, sample = streaming.result(), sampler.result()
        scores = compute_prdc(
            sample.rows.to(real.device),
            real,
            precision_recall_k=precision_recall_k,
            density_coverage_k=precision_recall_k,
            real_radii=radii,
        )
        curve.append(
            {
                "truncation": truncation,
                "frechet_distance": frechet_distance(statistics, reference),
                "precision": scores.precision,
                "recall": scores.recall,
                "samples": statistics.count,
                "neighbourhood_samples": len(sample.rows),
            }
        )
    return curve
