import numpy as np
import pytest
import torch
from scipy import stats

from sagan.sampling.interpolation import blended_classes, circle, interpolate, truncate
from sagan.sampling.latents import sample_latents
from tests.small_world import small_bundle


def test_interpolation_follows_the_great_circle():
    starts, ends = torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([[0.0, 2.0], [3.0, 0.0]])

    assert torch.equal(interpolate(starts, ends, 0.0), starts)
    torch.testing.assert_close(interpolate(starts, ends, 1.0), ends)
    halfway = interpolate(starts, ends, 0.5)
    torch.testing.assert_close(halfway[0], torch.full((2,), 2**0.5))  # its length stays 2
    torch.testing.assert_close(halfway[1], torch.tensor([2.0, 0.0]))  # parallel: a straight line
    assert torch.isfinite(interpolate(starts, -starts, 0.5)).all()


def test_points_between_directions_that_are_not_at_right_angles():
    """At 60 degrees: a third of the way is 20 degrees along the circle."""
    degrees = torch.tensor([0.0, 60.0, 20.0]).deg2rad()
    start, end, third = torch.stack([degrees.cos(), degrees.sin()], 1).split(1)
    torch.testing.assert_close(interpolate(start, end, 1 / 3), third)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_cosine_beyond_one_by_rounding_is_one(sign, monkeypatch):
    latents = sample_latents(3, 7, 0)
    cosines = torch.full((3,), sign * 1.0000001)
    monkeypatch.setattr("torch.nn.functional.cosine_similarity", lambda *_, **__: cosines)
    assert interpolate(latents, sign * latents, 0.5).isfinite().all()


@pytest.mark.parametrize(
    ("moved", "wanted"),
    [
        (lambda z: truncate(z[0], 0.7), stats.truncnorm(-0.7, 0.7)),
        (lambda z: circle(z[0], z[1], 0.1), stats.norm),
    ],
)
def test_moved_latents_are_distributed_as_drawn_ones(moved, wanted):
    values = moved(sample_latents(2, 4000, 0).reshape(2, 1, -1)).flatten().numpy()
    assert stats.kstest(values, wanted.cdf).pvalue > 0.01


def test_a_truncation_beyond_all_components_moves_none():
    latents = sample_latents(5, 20, 0)
    torch.testing.assert_close(truncate(latents, 8.0), latents)
    assert np.abs(truncate(1e3 * latents, 0.5).numpy()).max() <= 0.5


def test_a_circle_ends_where_it_starts():
    starts, others = sample_latents(4, 6, 0).split(2)
    torch.testing.assert_close(circle(starts, others, 1.0), starts, atol=1e-5, rtol=0)
    torch.testing.assert_close(circle(starts, others, 0.25), others, atol=1e-5, rtol=0)


@pytest.mark.parametrize("classes", [2, 3])
def test_classes_are_blended_within_the_block_only(tmp_path, classes):
    names = ("disc", "square", "star")[:classes]
    generator = small_bundle(tmp_path / "distinct", class_names=names, distinct=True).load()
    latents, labels = sample_latents(classes, 12, 0), torch.arange(classes)
    others = labels.flip(0)
    with torch.no_grad():
        before, at_ends = generator(latents, labels), generator(latents, others)
        with blended_classes(generator, others, 1.0):
            assert torch.equal(generator(latents, labels), at_ends)
        assert not torch.equal(before, at_ends)
        assert torch.equal(generator(latents, labels), before)


def test_a_generator_without_classes_stays_as_it_is(tmp_path):
    generator = small_bundle(tmp_path / "unconditional", conditional=False).load()
    latents, labels = sample_latents(2, 12, 0), torch.zeros(2, dtype=torch.int64)
    with torch.no_grad():
        before = generator(latents, labels)
        with blended_classes(generator, torch.tensor([2, 1, 0]), 0.5):
            assert torch.equal(generator(latents, labels), before)
