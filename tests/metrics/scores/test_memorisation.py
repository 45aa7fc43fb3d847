import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from sagan.metrics.scores.distances import nearest
from sagan.metrics.scores.memorisation import memorisation


def gaussian(count, seed, dimensions=4):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=source)


def to_training(features, training):
    return nearest(features, training).distances[:, 0].numpy()


@pytest.fixture
def training():
    return gaussian(500, 0)


@pytest.fixture
def held_out(training):
    return to_training(gaussian(300, 1), training)


def test_equals_mann_and_whitneys_statistic():
    random = np.random.default_rng(0)
    samples, held_out = random.integers(0, 9, 70) / 2, random.integers(2, 12, 50) / 2  # with ties

    expected = mannwhitneyu(held_out, samples).statistic / (70 * 50)

    assert memorisation(samples, held_out).score == pytest.approx(expected, rel=1e-12)


def test_new_samples_are_as_near_as_held_out_images(training, held_out):
    found = memorisation(to_training(gaussian(2000, 2), training), held_out)

    assert found.score == pytest.approx(0.5, abs=0.05)
    assert found.near_copies == pytest.approx(0.05, abs=0.025)


def test_copies_of_training_images(training, held_out):
    copies = training[::2] + 1e-4 * gaussian(250, 3)

    found = memorisation(to_training(copies, training), held_out)

    assert found == (1, 1)


def test_a_share_of_copies_shows_in_the_share(training, held_out):
    mixed = torch.cat([training[:100], gaussian(900, 4)])

    found = memorisation(to_training(mixed, training), held_out)

    assert found.near_copies == pytest.approx(0.1 + 0.9 * 0.05, abs=0.03)
    assert 0.5 < found.score < 0.6


def test_noise_far_from_all_real_images_scores_zero(training, held_out):
    assert memorisation(to_training(gaussian(50, 5) + 99, training), held_out) == (0, 0)


@pytest.mark.parametrize("broken", [[], [1.0, np.nan]])
def test_what_says_nothing_is_refused(broken):
    with pytest.raises(ValueError, match="held-out distances"):
        memorisation(np.ones(3), np.array(broken))
    with pytest.raises(ValueError, match="sample distances"):
        memorisation(np.array(broken), np.ones(3))


def test_copies_are_near_where_held_out_images_are_copies_too():
    """Validation images that lie in train as well: the nearest 5% of them are at distance 0."""
    held_out = np.concatenate([np.zeros(10), np.linspace(1, 2, 90)])

    assert memorisation(np.zeros(20), held_out).near_copies == 1
    assert memorisation(np.full(20, 1.5), held_out).near_copies == 0
