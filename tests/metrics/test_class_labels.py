"""Labels in the reference's class frequencies; classes in 95:5 as the case that shows why."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sagan.data.shards.store import ShardStore
from sagan.metrics.class_labels import evaluation_labels, expected_warnings, matching
from sagan.metrics.config import ClassifierConfig, EvaluationConfig
from sagan.metrics.evaluate_generator import evaluate_generator
from tests.drawn_images import draw_shape
from tests.program import program

SHAPES = ("circle", "square")


def shapes(shape, count, seed):
    random = np.random.default_rng(seed)
    return [draw_shape(shape, 16, random) for _ in range(count)]


def imbalanced(root, train, val):
    """Shards of two classes with these numbers of images."""
    for split, counts in (("train", train), ("val", val)):
        for label, (shape, count) in enumerate(zip(SHAPES, counts, strict=True)):
            folder = root / "images" / split / shape
            folder.mkdir(parents=True)
            seed = 2 * label + (split == "val")
            for number, image in enumerate(shapes(shape, count, seed)):
                image.save(folder / f"{number:04d}.png")
    arguments = [str(root / "images"), "--image-size", "16", "--out", str(root / "shards")]
    assert program("data")(arguments) == 0
    return ShardStore.open(next((root / "shards").glob("*/index.json")).parent)


class Ideal(torch.nn.Module):
    """A generator that draws new images of the training distribution."""

    latent_dim, num_classes = 4, 2

    def __init__(self):
        super().__init__()
        drawn = [[np.asarray(image) for image in shapes(shape, 400, 9)] for shape in SHAPES]
        self.images = torch.from_numpy(np.array(drawn)).permute(0, 1, 4, 2, 3) / 127.5 - 1

    def forward(self, latents, class_labels):
        return self.images[class_labels, (latents[:, 0].abs() * 1e6).long() % 400]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Scores of the ideal generator by labels asked for, of classes in 95:5."""
    root = tmp_path_factory.mktemp("imbalanced")
    shards = imbalanced(root, train=(380, 20), val=(95, 5))
    bundle = SimpleNamespace(
        image_size=16,
        image_channels=3,
        class_names=shards.class_names,
        num_classes=2,
        latent_dim=4,
        facts={},
        load=lambda _: Ideal(),
    )
    bundle.choose = lambda _: bundle
    config = EvaluationConfig(
        features="classifier",
        classifier=ClassifierConfig(epochs=10, base_channels=8, feature_dim=8, batch_size=16),
        num_samples=400,
        device="cpu",
        extrapolation_points=0,
    )

    def measure(labels):
        settings = config.model_copy(update={"labels": labels})
        metrics = evaluate_generator(bundle, shards, settings, root / "features")
        return metrics | {"expected": expected_warnings(settings, shards)}

    return {labels: measure(labels) for labels in ("reference", "even")}


def test_a_perfect_generator_is_as_good_as_the_self_test_says(measured):
    by_reference, even = measured["reference"], measured["even"]

    assert by_reference["fd_classifier"] < 3 * by_reference["self_test"]["fd_classifier"]
    assert even["fd_classifier"] > 20 * by_reference["fd_classifier"]
    assert even["self_test"]["fd_classifier"] > 0.3 * even["fd_classifier"], "it is of even images"
    assert by_reference["near_copies"] == pytest.approx(0.05, abs=0.05)
    for metrics in measured.values():
        assert metrics["recognised"] > 0.8, "of each class, however rare"


def test_the_protocol_says_which_labels_and_a_difference_is_told(measured):
    by_reference, even = measured["reference"], measured["even"]

    assert by_reference["protocol"]["samples"]["class_labels"] == (
        "in the reference's class frequencies"
    )
    assert even["protocol"]["samples"]["class_labels"] == "evenly over the classes"
    assert not any("frequencies" in text for text in by_reference["warnings"])
    (told,) = (text for text in even["warnings"] if "frequencies" in text)
    assert "0.45" in told
    assert "50.0% of the samples, 95.0% of the real images" in told
    assert (by_reference["expected"], even["expected"]) == ([], [told]), "known before"


def test_frequencies_are_kept_by_the_whole_and_by_any_part_of_it():
    labels = evaluation_labels(1000, [950, 40, 10]).numpy()

    assert np.bincount(labels).tolist() == [950, 40, 10]
    for part in (100, 300, 700):
        expected = part * np.array([0.95, 0.04, 0.01])
        assert np.abs(np.bincount(labels[:part], minlength=3) - expected).max() <= 1
    assert np.bincount(evaluation_labels(7, [1, 1, 1])).tolist() == [3, 2, 2]


@pytest.mark.parametrize(("count", "classes"), [(1000, 10), (7, 3), (5, 10), (50_000, 1000)])
def test_of_equal_counts_the_classes_take_turns(count, classes):
    labels = evaluation_labels(count, [17] * classes)

    assert torch.equal(labels, torch.arange(count) % classes)


def test_real_images_are_taken_in_the_samples_frequencies():
    labels = np.array([0] * 60 + [1] * 40 + [2] * 100)
    np.random.default_rng(0).shuffle(labels)

    kept = matching(labels, np.array([30, 60, 10]))

    assert np.bincount(labels[kept]).tolist() == [20, 40, 6]
    assert (np.diff(kept) > 0).all()
    assert matching(labels, np.array([300, 200, 500])) is None, "they are the same"
    assert matching(labels[:8], np.array([1, 1, 1])) is None, "as much by chance"
    without = matching(labels[labels > 0], np.array([30, 60, 10]))
    assert np.bincount(labels[labels > 0][without]).tolist() == [0, 39, 7]
