"""The Fréchet distance between two Gaussians (Dowson and Landau 1982; FID, Heusel et al. 2017)."""

import numpy as np
from numpy.linalg import LinAlgError
from scipy import linalg

from sagan.metrics.features.statistics import Statistics

# negative eigenvalues below this share of the largest one are rounding errors
NEGATIVE_TOLERANCE = 1e-6


def frechet_distance(first: Statistics, second: Statistics) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), the squared distance as FID reports it.

    The trace of the root is the sum of the roots of the eigenvalues of S1 S2, so no matrix root is
    needed (`scipy.linalg.sqrtm` is over ten times slower, and imaginary for singular covariances).

    Args:
        first: mean [D] and covariance [D, D].
        second: the same.

    Returns:
        The distance, never negative, in squared feature units.

    Raises:
        ValueError: if shapes differ, a value is NaN or infinite, or a covariance has a clearly
            negative eigenvalue.
    """
    _check(first, second)
    eigenvalues = _product_eigenvalues(first.covariance, second.covariance)
    root_trace = np.sqrt(_non_negative(eigenvalues)).sum()
    difference = first.mean - second.mean
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return max(0.0, float(difference @ difference + traces - 2 * root_trace))


def _product_eigenvalues(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Eigenvalues [D] of the product: with S1 = A A^T, those of the symmetric A^T S2 A.

    A is Cholesky's factor, or the eigenvectors' where S1 is singular.
    """
    eigenvalues: np.ndarray
    try:
        # type 2 is S2 S1 v = w v; this driver takes half the products of A^T @ S2 @ A
        eigenvalues = linalg.eigvalsh(second, first, type=2, driver="gv", check_finite=False)
    except LinAlgError:
        values, vectors = linalg.eigh(first)
        factor = vectors * np.sqrt(_non_negative(values))
        eigenvalues = linalg.eigvalsh(factor.T @ second @ factor)
    return eigenvalues


def _non_negative(eigenvalues: np.ndarray) -> np.ndarray:
    lowest, highest = eigenvalues.min(), eigenvalues.max()
    if lowest < -NEGATIVE_TOLERANCE * max(highest, np.finfo(float).tiny):
        raise ValueError(
            f"not a covariance: its lowest eigenvalue is {lowest:.3g} (highest {highest:.3g})"
        )
    clipped: np.ndarray = eigenvalues.clip(min=0)
    return clipped


def _check(first: Statistics, second: Statistics) -> None:
    if first.mean.shape != second.mean.shape:
        raise ValueError(
            f"feature dimensions differ: {len(first.mean)} and {len(second.mean)}; both sides need "
            "the same features"
        )
    for name, statistics in (("first", first), ("second", second)):
        if not (np.isfinite(statistics.mean).all() and np.isfinite(statistics.covariance).all()):
            raise ValueError(f"the {name} statistics hold NaN or infinity")
