import numpy as np
import pytest

from benchmarks.distant_relations import CORNERS, SIZE_PX, agreement, summarise, twins


@pytest.fixture(scope="module")
def drawn():
    """Images of three classes, ten each: strokes of a class differ."""
    rng = np.random.default_rng(0)
    prototypes = rng.integers(0, 256, (3, 8, 8))
    labels = np.repeat(np.arange(3), 10)
    digits = np.clip(prototypes[labels] + rng.integers(-60, 60, (30, 8, 8)), 0, 255)
    pictures = np.stack([twins(digit.astype(np.uint8)) for digit in digits])
    return np.repeat(pictures[:, None], 3, axis=1), labels


def test_identical_corners_agree_wholly(drawn):
    assert agreement(*drawn) == pytest.approx(1.0)


def test_corners_of_the_same_class_alone_do_not_agree(drawn):
    images, labels = drawn
    mixed = images.copy()
    second = CORNERS[1]
    for label in range(3):
        members = np.flatnonzero(labels == label)
        for member, other in zip(members, np.roll(members, 1), strict=True):
            mixed[member, :, second, second] = images[other, :, second, second]
    assert abs(agreement(mixed, labels)) < 0.2


def test_an_image_is_black_but_for_its_corners(drawn):
    image = drawn[0][0].copy()
    assert image.shape == (3, SIZE_PX, SIZE_PX)
    for corner in CORNERS:
        assert image[:, corner, corner].any()
        image[:, corner, corner] = 0
    assert not image.any()


def results(attention, none):
    scores = dict.fromkeys(("fd_classifier", "recognised", "recall", "diversity_mean"), 0.5)
    sides = {"attention": attention, "none": none}
    return {
        (side, seed): {"agreement": value, **scores}
        for side, values in sides.items()
        for seed, value in enumerate(values)
    }


def test_attention_helps_where_its_seeds_agree_more():
    assert summarise(results([0.8, 0.82, 0.81], [0.5, 0.52, 0.49]))["attention_helps"] is True
    assert summarise(results([0.5, 0.52, 0.49], [0.8, 0.82, 0.81]))["attention_helps"] is False
    assert summarise(results([0.5, 0.9, 0.7], [0.4, 0.8, 0.6]))["attention_helps"] is False


def test_one_seed_decides_nothing():
    assert "attention_helps" not in summarise(results([0.8], [0.5]))
