import numpy as np
import pytest
import torch
from sklearn.metrics import pairwise_distances

from sagan.metrics.scores.prdc import compute_prdc, manifold_radii


def gaussian(count, seed=0, shift=0.0, scale=1.0, dimensions=3):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=source, dtype=torch.float64) * scale + shift


def by_whole_matrices(samples, real, k_shares, k_balls):
    """The four definitions as their papers write them, on matrices that are whole."""
    samples, real = samples.numpy(), real.numpy()

    def radius(x, k):
        return np.sort(pairwise_distances(x), axis=1)[:, k]

    between = pairwise_distances(real, samples)  # [M, N]
    return (
        (between <= radius(real, k_shares)[:, None]).any(axis=0).mean(),
        (between <= radius(samples, k_shares)[None, :]).any(axis=1).mean(),
        (between <= radius(real, k_balls)[:, None]).sum() / (k_balls * len(samples)),
        (between.min(axis=1) <= radius(real, k_balls)).mean(),
    )


@pytest.mark.parametrize("rows", [1, 13, 1000])
@pytest.mark.parametrize("ks", [(3, 5), (5, 2), (1, 1)])
def test_equals_whole_matrices(monkeypatch, rows, ks):
    monkeypatch.setattr("sagan.metrics.scores.distances.ROWS", rows)
    monkeypatch.setattr("sagan.metrics.scores.distances.COLUMNS", 11)
    samples, real = gaussian(60, shift=0.7), gaussian(80, seed=1)

    found = compute_prdc(samples, real, precision_recall_k=ks[0], density_coverage_k=ks[1])

    assert found == pytest.approx(by_whole_matrices(samples, real, *ks), rel=1e-12)
    assert 0.1 < found.precision < 1
    assert 0.1 < found.recall < 1


def test_real_against_real_is_near_one():
    found = compute_prdc(gaussian(1500), gaussian(1500, seed=1))

    assert found.precision > 0.95
    assert found.recall > 0.95
    assert found.density == pytest.approx(1, abs=0.06)
    # Naeem et al. 2020, equation 7: 1 - (M - 1) ... (M - k) / ((2 M - 1) ... (2 M - k))
    steps = np.arange(1, 6)
    expected = 1 - np.prod((1500 - steps) / (3000 - steps))
    assert found.coverage == pytest.approx(expected, abs=0.02)


def test_noise_far_away_is_near_zero():
    assert compute_prdc(gaussian(200, shift=50), gaussian(200, seed=1)) == (0, 0, 0, 0)


def test_little_variety_shows_in_recall_and_coverage_alone():
    narrow = compute_prdc(gaussian(500, scale=0.2), gaussian(500, seed=1))

    assert narrow.precision > 0.9
    assert narrow.density > 0.9
    assert narrow.recall < 0.2
    assert narrow.coverage < 0.5


def test_little_fidelity_shows_in_precision_and_density_alone():
    wide = compute_prdc(gaussian(500, scale=4), gaussian(500, seed=1))

    assert wide.precision < 0.4
    assert wide.density < 0.4
    assert wide.recall > 0.9


def test_does_not_depend_on_the_order():
    samples, real = gaussian(70, shift=0.7), gaussian(90, seed=1)
    order = torch.from_numpy(np.random.default_rng(0).permutation(70))

    assert compute_prdc(samples, real) == pytest.approx(
        compute_prdc(samples[order], real), rel=1e-12
    )


def test_radii_of_the_real_images_may_be_kept():
    samples, real = gaussian(70, shift=0.7), gaussian(90, seed=1)

    kept = compute_prdc(samples, real, real_radii=manifold_radii(real, 3, 5))

    assert kept == compute_prdc(samples, real)


def test_copies_of_the_real_images_score_full_marks():
    real = gaussian(90)

    found = compute_prdc(real.clone(), real)

    assert (found.precision, found.recall, found.coverage) == (1, 1, 1)
    assert found.density == pytest.approx(6 / 5)  # itself, and each neighbour on its border


def test_too_few_are_refused():
    with pytest.raises(
        ValueError, match="neighbourhoods of 5 need at least 6 images on each side, got 5"
    ):
        compute_prdc(gaussian(5), gaussian(90))
    assert compute_prdc(gaussian(6), gaussian(90)).precision > 0
