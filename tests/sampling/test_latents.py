import numpy as np
import pytest
import torch
from scipy import stats

from sagan.sampling.latents import MIN_TRUNCATION, column_latents, sample_latents


def test_sample_i_does_not_depend_on_how_many_are_drawn():
    many = sample_latents(7, 5, seed=3)

    assert torch.equal(sample_latents(2, 5, seed=3), many[:2])
    assert torch.equal(sample_latents(3, 5, seed=3, first_index=4), many[4:])
    assert many.dtype == torch.float32


def test_truncation_does_not_shift_the_stream_of_the_next_sample():
    loose, tight = sample_latents(4, 6, 0, 3.0), sample_latents(4, 6, 0, 0.3)

    assert torch.equal(tight[2:], sample_latents(2, 6, 0, 0.3, first_index=2))
    kept = loose.abs() < 0.3
    assert torch.equal(tight[kept], loose[kept])  # only what was outside is drawn again


def test_seeds_and_samples_differ():
    assert not torch.equal(sample_latents(1, 8, 0), sample_latents(1, 8, 1))
    first, second = sample_latents(2, 8, 0)
    assert not torch.equal(first, second)


def test_is_standard_normal():
    values = sample_latents(400, 50, 0).flatten().numpy()

    assert stats.kstest(values, "norm").pvalue > 0.01


def test_truncated_values_follow_the_truncated_normal():
    values = sample_latents(400, 50, 0, truncation=0.7).flatten().numpy()

    assert np.abs(values).max() <= 0.7
    assert stats.kstest(values, stats.truncnorm(-0.7, 0.7).cdf).pvalue > 0.01


def test_columns_share_latents():
    grid = column_latents(3, 2, 5, seed=0).view(3, 2, 5)

    assert torch.equal(grid[0], grid[2])
    assert not torch.equal(grid[0, 0], grid[0, 1])


def test_the_global_random_state_is_left_alone():
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()

    sample_latents(3, 4, 0, 0.5)

    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


def test_no_latents():
    assert sample_latents(0, 4, 0).shape == (0, 4)


@pytest.mark.parametrize(
    "arguments", [{"seed": -1}, {"seed": 0, "truncation": 0.0}, {"seed": 0, "truncation": 1e-6}]
)
def test_refuses(arguments):
    with pytest.raises(ValueError, match=r"must|expected 0"):
        sample_latents(1, 4, **arguments)


def test_the_sample_of_an_index_starts_at_the_highest_word_of_the_counter():
    """As an exported page has it; other words would be other samples of the same seed."""
    for index in (0, 7):
        source = np.random.Generator(np.random.Philox(key=3, counter=[0, 0, 0, index]))
        wanted = torch.from_numpy(source.standard_normal(12, dtype=np.float32))
        assert torch.equal(sample_latents(8, 12, 3)[index], wanted)


def test_the_largest_seed_and_the_smallest_truncation_are_drawn():
    assert sample_latents(1, 3, 2**64 - 1, MIN_TRUNCATION).abs().max() <= MIN_TRUNCATION
