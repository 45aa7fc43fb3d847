import warnings

import numpy as np
import pytest

from sagan.metrics.features.statistics import Statistics
from sagan.metrics.scores.frechet import frechet_distance


def gaussian(mean, covariance) -> Statistics:
    return Statistics(np.asarray(mean, float), np.asarray(covariance, float), count=100)


def sampled(count: int, dimensions: int, seed: int) -> Statistics:
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(dimensions, dimensions))
    rows = random.normal(size=(count, dimensions)) @ mixing + random.normal(size=dimensions)
    return gaussian(rows.mean(axis=0), np.cov(rows, rowvar=False))


def by_pytorch_fid(first: Statistics, second: Statistics) -> float:
    from pytorch_fid.fid_score import calculate_frechet_distance

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # it passes sqrtm an argument on its way out
        return calculate_frechet_distance(
            first.mean, first.covariance, second.mean, second.covariance
        )


def test_one_dimension_in_closed_form():
    """(m1 - m2)^2 + (s1 - s2)^2."""
    distance = frechet_distance(gaussian([1], [[4]]), gaussian([3], [[25]]))

    assert distance == pytest.approx((1 - 3) ** 2 + (2 - 5) ** 2, rel=1e-12)


def test_commuting_covariances_in_closed_form():
    """For diagonal covariances the distance is the sum over the dimensions."""
    first, second = np.array([1.0, 4.0, 9.0]), np.array([16.0, 0.25, 9.0])

    distance = frechet_distance(
        gaussian([0, 0, 0], np.diag(first)), gaussian([1, 2, 3], np.diag(second))
    )

    expected = 14 + ((np.sqrt(first) - np.sqrt(second)) ** 2).sum()
    assert distance == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dimensions", [2, 10, 64])
def test_equals_pytorch_fid(dimensions):
    first, second = sampled(500, dimensions, 1), sampled(400, dimensions, 2)

    assert frechet_distance(first, second) == pytest.approx(by_pytorch_fid(first, second), rel=1e-8)


def test_is_symmetric():
    first, second = sampled(500, 20, 1), sampled(400, 20, 2)

    forth, back = frechet_distance(first, second), frechet_distance(second, first)

    assert forth == pytest.approx(back, rel=1e-10)


def test_of_the_same_is_zero():
    one = sampled(500, 20, 1)

    assert 0 <= frechet_distance(one, one) < 1e-8 * np.trace(one.covariance)


@pytest.mark.parametrize("counts", [(5, 400), (400, 5), (5, 6)])
def test_singular_covariances(counts):
    """Fewer samples than dimensions; the reference is a root by eigenvectors."""
    first, second = sampled(counts[0], 20, 1), sampled(counts[1], 20, 2)

    values, vectors = np.linalg.eigh(first.covariance)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    inner = np.sqrt(np.linalg.eigvalsh(root @ second.covariance @ root).clip(0)).sum()
    difference = first.mean - second.mean
    expected = difference @ difference - 2 * inner
    expected += np.trace(first.covariance) + np.trace(second.covariance)

    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-5)


def test_no_variance_at_all():
    zeros = np.zeros((3, 3))

    assert frechet_distance(gaussian([0, 0, 0], zeros), gaussian([1, 0, 0], zeros)) == 1
    assert frechet_distance(gaussian([0, 0, 0], zeros), gaussian([0, 0, 0], np.eye(3))) == 3


def test_refuses_other_dimensions():
    with pytest.raises(ValueError, match="feature dimensions differ: 2 and 3"):
        frechet_distance(gaussian([0, 0], np.eye(2)), gaussian([0, 0, 0], np.eye(3)))


def test_refuses_nan():
    with pytest.raises(ValueError, match="second statistics hold NaN"):
        frechet_distance(gaussian([0], [[1]]), gaussian([np.nan], [[1]]))


def test_refuses_what_is_no_covariance():
    with pytest.raises(ValueError, match="not a covariance"):
        frechet_distance(gaussian([0, 0], np.diag([1, -1])), gaussian([0, 0], np.eye(2)))


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_a_rounding_error_below_zero_is_one_beside_the_largest_variance(scale):
    def distance(lowest):
        first = gaussian([0, 0], scale * np.diag([1, lowest]))
        return frechet_distance(first, gaussian([0, 0], scale * np.eye(2)))

    assert distance(-1e-7) == pytest.approx(scale, rel=1e-3)
    with pytest.raises(ValueError, match="not a covariance"):
        distance(-1e-5)
