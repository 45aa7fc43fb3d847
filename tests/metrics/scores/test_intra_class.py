import numpy as np
import pytest
import torch

from sagan.metrics.features.reservoir import FeatureSample
from sagan.metrics.features.statistics import measure_statistics
from sagan.metrics.scores.frechet import frechet_distance
from sagan.metrics.scores.intra_class import (
    frechet_distance_of_features,
    intra_class_distances,
    intra_class_warnings,
)


def gaussian(count, dimensions=8, seed=0, shift=0.0):
    source = torch.Generator().manual_seed(seed)
    return torch.randn(count, dimensions, generator=source, dtype=torch.float64) + shift


def kept(rows, labels):
    return FeatureSample(rows, torch.tensor(labels), torch.arange(len(rows)), len(rows))


@pytest.mark.parametrize("counts", [(5, 6), (5, 400), (400, 5), (8, 300), (300, 200)])
def test_equals_the_distance_of_the_covariances(counts):
    """Fewer samples than dimensions, where it goes by products, and more."""
    first, second = gaussian(counts[0]), gaussian(counts[1], seed=1, shift=0.5)

    found = frechet_distance_of_features(first, second)

    # the covariances' own way loses half of the digits where one of them is singular
    expected = frechet_distance(measure_statistics([first]), measure_statistics([second]))
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_products_way_equals_a_root_by_eigenvectors():
    first, second = gaussian(6, 20), gaussian(9, 20, seed=1, shift=1)
    one, two = np.cov(first.T.numpy()), np.cov(second.T.numpy())
    values, vectors = np.linalg.eigh(one)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    inner = np.sqrt(np.linalg.eigvalsh(root @ two @ root).clip(0)).sum()
    difference = (first.mean(0) - second.mean(0)).numpy()
    expected = difference @ difference + np.trace(one) + np.trace(two) - 2 * inner

    assert frechet_distance_of_features(first, second) == pytest.approx(expected, rel=1e-6)


def test_a_shift_is_the_distance_in_closed_form():
    first = gaussian(6, 20)
    shift = torch.arange(20.0)

    found = frechet_distance_of_features(first, first + shift)

    assert found == pytest.approx(float(shift.square().sum()), rel=1e-9)


@pytest.mark.parametrize("counts", [(8, 8), (8, 9), (9, 8), (9, 9)])
def test_covariances_are_compared_only_where_neither_is_singular(monkeypatch, counts):
    monkeypatch.setattr("sagan.metrics.scores.intra_class.frechet_distance", lambda *_: -1.0)

    found = frechet_distance_of_features(gaussian(counts[0]), gaussian(counts[1], seed=1))

    assert (found == -1) == (counts == (9, 9))


def test_two_images_have_a_distance_and_one_has_none():
    pair, many = gaussian(2, 20), gaussian(30, 20, seed=1)

    assert frechet_distance_of_features(pair, pair) == pytest.approx(0, abs=1e-9)
    assert frechet_distance_of_features(pair, many) > 1
    with pytest.raises(ValueError, match="at least 2 images on each side, got 1 and 30"):
        frechet_distance_of_features(pair[:1], many)


def test_five_classes_are_named_from_the_worst_and_from_the_best():
    names, shifts = "abcdefg", torch.tensor([30.0, 0, 60, 10, 50, 20, 40])
    here = [label for label in range(7) for _ in range(10 - label)]
    there = [label for label in range(7) for _ in range(3 + label)]
    samples = gaussian(len(here), 2) + shifts[here][:, None]

    found = intra_class_distances(kept(samples, here), kept(gaussian(len(there), 2), there), names)

    assert "".join(found["worst"]) == "cegaf"
    assert "".join(found["best"]) == "bdfag"
    assert (found["samples_a_class"], found["real_a_class"]) == ([4, 10], [3, 9])


@pytest.mark.parametrize(("images", "biased"), [(2, 1), (8, 1), (9, 0)])
def test_a_class_of_as_many_images_as_dimensions_is_biased(images, biased):
    labels = [0] * images

    found = intra_class_distances(
        kept(gaussian(images), labels), kept(gaussian(images, seed=1), labels), ("a",)
    )

    assert found["table"]["a"] > 0
    assert (found["classes_left_out"], found["classes_biased"]) == ([], biased)


def test_one_class_moved_shows_in_its_row_alone():
    real, labels = gaussian(300, 4), [0, 1, 2] * 100
    moved = real.clone()
    moved[1::3] += 2

    found = intra_class_distances(kept(moved, labels), kept(real, labels), ("a", "b", "c"))

    assert found["table"]["b"] == pytest.approx(16, rel=1e-9)
    assert found["table"]["a"] == pytest.approx(0, abs=1e-8)
    assert found["mean"] == pytest.approx(16 / 3, rel=1e-6)
    assert found["worst"][0] == "b"
    assert found["best"][-1] == "b"
    assert found["samples_a_class"] == found["real_a_class"] == [100, 100]
    assert intra_class_warnings(found) == []


def test_classes_mixed_up_have_no_distance_over_all_but_one_within():
    """What the measure is for."""
    real, labels = gaussian(400, 4), [0, 1] * 200
    real[1::2] += 5
    swapped = [1, 0] * 200

    found = intra_class_distances(kept(real, swapped), kept(real, labels), ("a", "b"))

    assert frechet_distance_of_features(real, real) == pytest.approx(0, abs=1e-8)
    assert found["mean"] > 90


@pytest.mark.parametrize("fewest", [0, 1])
def test_classes_without_a_pair_are_left_out_and_named(fewest):
    real, labels = gaussian(30, 4), [0, 1, 2] * 10
    few = [0] * 20 + [1] * 10 + [2] * fewest
    samples = gaussian(len(few), 4, seed=1)

    found = intra_class_distances(kept(samples, few), kept(real, labels), ("a", "b", "c"))

    assert found["table"]["c"] is None
    assert found["classes_left_out"] == ["c"]
    assert found["mean"] == pytest.approx((found["table"]["a"] + found["table"]["b"]) / 2)
    (warning,) = intra_class_warnings(found)
    assert "1 of 3 classes have fewer than 2" in warning
    assert warning.endswith("left out: c")


def test_fewer_images_than_dimensions_are_said():
    labels = [0, 1] * 4

    found = intra_class_distances(
        kept(gaussian(8), labels), kept(gaussian(8, seed=1), labels), ("a", "b")
    )

    assert found["classes_biased"] == 2
    (warning,) = intra_class_warnings(found)
    assert "2 of 2 classes have no more images than the 8 feature dimensions" in warning


def test_nothing_to_compare_is_no_mean():
    found = intra_class_distances(kept(gaussian(1), [0]), kept(gaussian(1), [0]), ("a",))

    assert found["mean"] is None


def test_broken_features_are_an_error():
    broken = gaussian(6, 20)
    broken[0, 0] = torch.nan

    with pytest.raises(ValueError, match="NaN or infinite"):
        frechet_distance_of_features(broken, gaussian(6, 20))
