import numpy as np
import pytest
import torch
from sklearn.metrics.pairwise import polynomial_kernel

from sagan.metrics.scores.kernel import kernel_distance, squared_discrepancy


def gaussian(count, dimensions=6, seed=0, shift=0.0):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=source, dtype=torch.float64) + shift


def by_sklearn(first, second):
    first, second = first.numpy(), second.numpy()
    n, m = len(first), len(second)
    settings = {"degree": 3, "gamma": 1 / first.shape[1], "coef0": 1}
    xx, yy, xy = (
        polynomial_kernel(a, b, **settings)
        for a, b in ((first, first), (second, second), (first, second))
    )
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return within - 2 * xy.mean()


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_equals_sklearns_kernel(monkeypatch, rows):
    monkeypatch.setattr("sagan.metrics.scores.kernel.ROWS", rows)
    first, second = gaussian(30), gaussian(40, seed=1, shift=0.5)

    assert squared_discrepancy(first, second) == pytest.approx(by_sklearn(first, second), rel=1e-10)


def test_equals_a_loop_over_pairs():
    first, second = gaussian(4, 2), gaussian(3, 2, seed=1)

    def kernel(x, y):
        return (float(x @ y) / 2 + 1) ** 3

    xx = np.mean([kernel(x, y) for i, x in enumerate(first) for j, y in enumerate(first) if i != j])
    yy = [kernel(x, y) for i, x in enumerate(second) for j, y in enumerate(second) if i != j]
    xy = np.mean([kernel(x, y) for x in first for y in second])
    expected = xx + np.mean(yy) - 2 * xy
    assert squared_discrepancy(first, second) == pytest.approx(expected, rel=1e-12)


def test_a_shift_in_one_dimension_in_closed_form():
    """x ~ N(0, 1), y ~ N(s, 1), k = (xy + 1)^3: differences of moments, binomially weighted."""
    shift = 1.0
    moments_x, moments_y = (1, 0, 1, 0), (1, shift, 1 + shift**2, shift**3 + 3 * shift)
    expected = sum(
        weight * (a - b) ** 2
        for weight, a, b in zip((1, 3, 3, 1), moments_x, moments_y, strict=True)
    )

    first, second = gaussian(8000, 1), gaussian(8000, 1, seed=1, shift=shift)

    assert squared_discrepancy(first, second) == pytest.approx(expected, rel=0.1)


def test_is_unbiased_where_the_plain_mean_of_the_kernel_is_not():
    """The biased estimate (diagonal kept) is kept here, and shown to be far from 0."""
    estimates, biased = [], []
    for seed in range(200):
        first, second = gaussian(10, seed=2 * seed), gaussian(10, seed=2 * seed + 1)
        estimates.append(squared_discrepancy(first, second))
        settings = {"degree": 3, "gamma": 1 / 6, "coef0": 1}
        both = [polynomial_kernel(side.numpy(), **settings).mean() for side in (first, second)]
        cross = polynomial_kernel(first.numpy(), second.numpy(), **settings).mean()
        biased.append(sum(both) - 2 * cross)

    error = np.std(estimates) / np.sqrt(200)
    assert abs(np.mean(estimates)) < 4 * error
    assert np.mean(biased) > 20 * error


def test_subsets_have_a_mean_and_a_deviation():
    first, second = gaussian(300), gaussian(300, seed=1, shift=0.5)

    found = kernel_distance(first, second, subsets=40, subset_size=50)

    whole = squared_discrepancy(first, second)
    assert (found.subsets, found.subset_size) == (40, 50)
    assert found.mean == pytest.approx(whole, abs=3 * found.std / np.sqrt(40) + 0.05 * whole)
    assert found == kernel_distance(first, second, subsets=40, subset_size=50)
    assert found.mean != kernel_distance(first, second, subsets=40, subset_size=50, seed=1).mean


def test_subsets_are_as_many_and_as_large_as_is_usual(monkeypatch):
    monkeypatch.setattr("sagan.metrics.scores.kernel.squared_discrepancy", lambda *_: 0.5)

    assert kernel_distance(gaussian(1001), gaussian(1002)) == (0.5, 0, 100, 1000)


def test_each_side_has_subsets_of_its_own_vectors():
    first, second = gaussian(20), gaussian(300, seed=1, shift=0.5)

    found = kernel_distance(first, second, subsets=40, subset_size=18)

    assert found.mean == pytest.approx(squared_discrepancy(first, second), rel=0.2)
    two = first[:2], second[:2]
    assert kernel_distance(*two).mean == pytest.approx(squared_discrepancy(*two))


def test_subsets_of_all_vectors_are_the_whole():
    first, second = gaussian(50), gaussian(50, seed=1)

    found = kernel_distance(first, second, subsets=3, subset_size=1000)

    assert found.subset_size == 50
    assert found.mean == pytest.approx(squared_discrepancy(first, second), rel=1e-9)
    assert found.std == pytest.approx(0, abs=1e-12)


def test_real_against_real_is_near_zero_and_noise_is_far():
    real, other = gaussian(1000, seed=1), gaussian(1000, seed=2)
    noise = gaussian(1000, seed=3, shift=2)

    near, far = kernel_distance(real, other, subsets=10), kernel_distance(real, noise, subsets=10)

    assert abs(near.mean) < 0.01 * far.mean


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="at least 2 vectors, got 1"):
        kernel_distance(gaussian(1), gaussian(9))
    with pytest.raises(ValueError, match="dimensions differ: 6 and 5"):
        kernel_distance(gaussian(9), gaussian(9, 5))
    broken = gaussian(9)
    broken[0, 0] = torch.inf
    with pytest.raises(ValueError, match="NaN or infinite"):
        kernel_distance(broken, gaussian(9))
