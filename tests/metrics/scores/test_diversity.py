import numpy as np
import pytest

from sagan.metrics.scores.diversity import diversity, mean_pairwise_distance


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (9, 3, 8, 8), dtype=np.uint8)


def test_equals_a_loop_over_pairs(images):
    pairs = [
        np.linalg.norm(images[i].astype(float) - images[j].astype(float))
        for i in range(9)
        for j in range(i)
    ]

    assert mean_pairwise_distance(images) == pytest.approx(np.mean(pairs), rel=1e-14)


def test_near_copies_are_told_apart_exactly():
    images = np.full((2, 3, 128, 128), 255, np.uint8)
    assert mean_pairwise_distance(images) == 0

    images[1, 0, 0, 0] = 254
    assert mean_pairwise_distance(images) == 1


def test_one_image_has_no_pair(images):
    with pytest.raises(ValueError, match="at least 2 images, got 1"):
        mean_pairwise_distance(images[:1])


def test_copies_score_zero_and_the_real_ones_score_one(images):
    assert diversity(images, images) == 1
    assert diversity(images[:1].repeat(5, axis=0), images) == 0


def test_what_cannot_be_compared_is_none(images):
    assert diversity(images[:1], images) is None
    assert diversity(images[:2], images) > 0
    assert diversity(images, images[:1]) is None
    assert diversity(images, images[:1].repeat(3, axis=0)) is None


def test_sizes_must_agree(images):
    with pytest.raises(ValueError, match="one shape"):
        diversity(images[..., :4], images)
