"""Features learnt without labels, for images of one class."""

import numpy as np
import pytest
import torch

from sagan.data.shards.store import ShardStore
from sagan.metrics.config import ClassifierConfig, EvaluationConfig
from sagan.metrics.features.extractor import feature_extractor
from sagan.metrics.features.rotation import RotatedImages
from sagan.training.config import TrainingConfig
from sagan.training.monitor.scoring import require_scoring
from tests.drawn_images import draw_shape
from tests.metrics.test_evaluation import CPU, real_batches, run
from tests.program import program


@pytest.fixture(scope="module")
def one_class(tmp_path_factory):
    """Shards of 200 and 60 triangles, which stand upright."""
    root, random = tmp_path_factory.mktemp("one_class"), np.random.default_rng(0)
    for split, count in (("train", 200), ("val", 60)):
        folder = root / "images" / split / "triangle"
        folder.mkdir(parents=True)
        for number in range(count):
            draw_shape("triangle", 16, random).save(folder / f"{number:04d}.png")
    arguments = [str(root / "images"), "--image-size", "16", "--min-classes", "1"]
    arguments += ["--out", str(root / "shards")]
    assert program("data")(arguments) == 0
    return ShardStore.open(next((root / "shards").glob("*/index.json")).parent)


@pytest.fixture(scope="module")
def settings():
    network = ClassifierConfig(epochs=6, base_channels=8, feature_dim=8, batch_size=32)
    return EvaluationConfig(
        features="rotation", classifier=network, num_samples=60, reference_split="train"
    )


@pytest.fixture(scope="module")
def scores(one_class, settings, tmp_path_factory):
    """Scores of real images, noise and plain grey."""
    workspace = tmp_path_factory.mktemp("features")
    source, labels = torch.Generator().manual_seed(0), torch.zeros(60, dtype=torch.int64)
    noise = torch.randint(0, 256, (60, 3, 16, 16), dtype=torch.uint8, generator=source)
    grey = torch.full_like(noise, 128)
    batches = {
        "real": real_batches(one_class, "val"),
        "noise": [(noise, labels)],
        "grey": [(grey, labels)],
    }
    return {name: run(made, one_class, settings, workspace) for name, made in batches.items()}


def test_the_label_is_the_number_of_quarter_turns(one_class):
    split = one_class.split("train")
    rotated = RotatedImages(split)

    indices = rotated.indices(np.array([3, 5]))

    assert indices.tolist() == [12, 13, 14, 15, 20, 21, 22, 23]
    assert rotated.labels[indices].tolist() == [0, 1, 2, 3] * 2
    shuffled = indices[::-1].copy()
    (first, second), made = split.read(np.array([3, 5])), rotated.read(shuffled).flip(0)
    for turn in range(4):
        assert torch.equal(made[turn], torch.rot90(first, turn, (1, 2)))
        assert torch.equal(made[4 + turn], torch.rot90(second, turn, (1, 2)))


def test_noise_and_grey_are_far_from_real_images(scores):
    real, noise, grey = (scores[name]["fd_rotation"] for name in ("real", "noise", "grey"))

    assert scores["real"]["details"]["rotation_network"]["val_balanced_accuracy"] > 0.8
    assert noise > 10 * real
    assert grey > 10 * real
    assert scores["noise"]["kd_rotation"] > 10 * abs(scores["real"]["kd_rotation"])


def test_what_means_nothing_for_one_class_is_left_out_and_said(scores):
    real = scores["real"]

    for name in ("recognised", "classes_hit", "class_entropy", "classifier_score", "classifier"):
        assert name not in real
    assert not any(name.startswith("intra") for name in [*real, *real["details"]])
    assert any("one class" in warning for warning in real["warnings"])


def test_a_classifier_of_one_class_is_refused_before_training(one_class, settings, tmp_path):
    by_classes = settings.model_copy(update={"features": "classifier"})
    training = TrainingConfig(scoring={"every_images": 256, "evaluation": by_classes})

    with pytest.raises(ValueError, match=r"images have one.*set features: rotation"):
        feature_extractor(by_classes, one_class, tmp_path, CPU)
    with pytest.raises(ValueError, match=r"images have one.*training.scoring.evaluation"):
        require_scoring(training, one_class, None)
    assert not list(tmp_path.iterdir())
