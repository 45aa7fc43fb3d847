import numpy as np
import pytest
import torch

from sagan.metrics.features.statistics import Statistics
from sagan.metrics.scores.extrapolation import extrapolate
from sagan.metrics.scores.frechet import frechet_distance

DIMENSIONS = 32
TRUTH = Statistics(np.zeros(DIMENSIONS), np.eye(DIMENSIONS), count=10_000)


def to_truth(statistics):
    return frechet_distance(statistics, TRUTH)


def gaussian(count, seed=0, shift=0.0):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, DIMENSIONS, generator=source, dtype=torch.float64) + shift


@pytest.mark.parametrize("shift", [0.0, 0.25])
def test_is_nearer_to_the_true_distance_than_the_distance_of_all_samples(shift):
    true = DIMENSIONS * shift**2

    found = extrapolate(gaussian(2000, shift=shift), to_truth)

    assert found.distances[-1] - true > 0.1
    assert abs(found.distance - true) < 0.5 * (found.distances[-1] - true)
    assert found.slope > 0


def test_is_a_straight_line_over_one_by_n(monkeypatch):
    """Distances that are exactly 3 + 7 / N give 3."""
    found = extrapolate(gaussian(100), lambda statistics: 3 + 7 / statistics.count, points=5)

    assert found.distance == pytest.approx(3, abs=1e-10)
    assert found.slope == pytest.approx(7, rel=1e-9)
    assert found.counts == [10, 32, 55, 78, 100]


def test_the_last_point_has_all_samples_and_it_is_the_same_again():
    features = gaussian(300)

    found = extrapolate(features, to_truth, points=4)

    whole = Statistics(features.mean(0).numpy(), np.cov(features.T.numpy()), 300)
    assert found.distances[-1] == pytest.approx(to_truth(whole), rel=1e-9)
    assert found == extrapolate(features, to_truth, points=4)


def test_too_few_are_refused():
    with pytest.raises(ValueError, match="at least 2 points and 20 samples, got 15 and 10"):
        extrapolate(gaussian(10), to_truth)
    with pytest.raises(ValueError, match="got 1 and 100"):
        extrapolate(gaussian(100), to_truth, points=1)
    assert extrapolate(gaussian(20), to_truth, points=2).counts == [2, 20]
