import numpy as np
import pytest
import torch
from scipy import stats

from sagan.metrics.features.statistics import Statistics, statistics_of_rows
from sagan.metrics.scores.frechet import frechet_distance
from sagan.metrics.scores.intervals import bootstrap_interval, repeated_interval, wilson_interval

TRUTH = Statistics(np.zeros(2), np.eye(2), count=10_000)


def to_truth(statistics):
    return frechet_distance(statistics, TRUTH)


def shifted(count, seed):
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed)) + 1


@pytest.mark.parametrize(("correct", "count"), [(0, 10), (3, 10), (991, 1000), (1000, 1000)])
def test_wilson_follows_the_formula(correct, count):
    share, z = correct / count, stats.norm.ppf(0.975)
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)

    found = wilson_interval(correct, count)

    expected = (centre - half, centre + half)
    assert (found["low"], found["high"]) == pytest.approx(expected, abs=1e-12)
    assert found["method"] == f"Wilson, {count:,} samples"
    assert found["level"] == 0.95


@pytest.mark.parametrize("count", [10, 40, 1000])
def test_wilsons_ends_are_exact_where_none_or_all_are_right(count):
    assert wilson_interval(0, count)["low"] == 0
    assert wilson_interval(count, count)["high"] == 1


def test_wilson_refuses_no_samples():
    with pytest.raises(ValueError, match="0 correct of 0"):
        wilson_interval(0, 0)
    with pytest.raises(ValueError, match="got 4 correct of 3"):
        wilson_interval(4, 3)


def test_repeats_equal_scipys_t():
    values = [3.0, 4.0, 4.5, 3.5]
    expected = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))

    found = repeated_interval(values)

    assert (found["low"], found["high"]) == pytest.approx(expected)
    assert found["method"] == "Student's t over 4 draws of samples"
    with pytest.raises(ValueError, match="at least two, got 1"):
        repeated_interval(values[:1])


def test_one_sample_and_two_repeats_have_an_interval():
    assert 0 < wilson_interval(1, 1)["low"] < wilson_interval(1, 1)["high"] == 1

    found, half = repeated_interval([3.0, 4.0]), stats.t.ppf(0.975, 1) * 0.5

    assert (found["low"], found["high"]) == pytest.approx((3.5 - half, 3.5 + half))


def bootstrap(features, **options):
    estimate = to_truth(statistics_of_rows(features))
    return bootstrap_interval(features, to_truth, estimate=estimate, **options)


def test_bootstrap_deviation_is_that_of_fresh_draws():
    """The distance of N(1, I) to N(0, I) in two dimensions is 2."""
    fresh = [
        to_truth(Statistics(x.mean(0).numpy(), np.cov(x.T.numpy()), 400))
        for x in (shifted(400, seed) for seed in range(1, 200))
    ]

    found = bootstrap(shifted(400, 0), resamples=200)

    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 * np.std(fresh), rel=0.25)
    assert found["method"] == "bootstrap deviation, 200 resamples of 400 samples"


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    found = [bootstrap(shifted(200, s), resamples=40) for s in range(60)]

    covering = np.mean([interval["low"] <= 2 <= interval["high"] for interval in found])

    assert 0.85 <= covering <= 1


def test_bootstrap_is_the_same_again_and_never_negative():
    features = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))

    found = bootstrap(features, resamples=10)

    assert found == bootstrap(features, resamples=10)
    assert found != bootstrap(features, resamples=10, seed=1)
    assert found["low"] >= 0
    with pytest.raises(ValueError, match="at least two resamples, got 1"):
        bootstrap(features, resamples=1)


@pytest.mark.parametrize("estimate", [0.0, 9.0])
@pytest.mark.parametrize("resamples", [2, 5])
def test_bootstrap_is_the_estimate_and_the_unbiased_deviation_of_the_resamples(estimate, resamples):
    distances = []

    def noted(statistics):
        distances.append(to_truth(statistics))
        return distances[-1]

    found = bootstrap_interval(shifted(20, 0), noted, resamples=resamples, estimate=estimate)

    half = stats.norm.ppf(0.975) * np.std(distances, ddof=1)
    assert len(distances) == resamples
    assert (found["low"], found["high"]) == pytest.approx(
        (max(0, estimate - half), estimate + half)
    )


def test_bootstrap_draws_from_all_samples():
    """The mean of two drawn from {0, 1} deviates by sqrt(1/8); the first one has its turn too."""
    pair = torch.tensor([[0.0], [1.0]])

    found = bootstrap_interval(pair, lambda s: float(s.mean[0]), resamples=400, estimate=9.0)

    assert found["high"] - 9 == pytest.approx(1.96 / np.sqrt(8), rel=0.1)
