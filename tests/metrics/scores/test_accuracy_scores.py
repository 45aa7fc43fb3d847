import numpy as np
import pytest
import torch

from sagan.metrics.features.classifier import obtain_classifier
from sagan.metrics.scores.accuracy_scores import StoredImages, accuracy_scores
from tests.small_world import small_shards

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """More images to test on than the other tests need."""
    return small_shards(tmp_path_factory.mktemp("shards"), val_per_class=40)


@pytest.fixture
def score(shards, classifier_config, workspace):
    trained = obtain_classifier(shards, classifier_config, workspace, CPU)

    def scored(images, labels):
        generated = StoredImages(images, labels)
        return accuracy_scores(generated, shards, classifier_config, trained, CPU)

    return scored


def real(shards):
    train = shards.split("train")
    return train.read(np.arange(len(train))), train.labels


def test_real_images_stand_in_for_themselves(score, shards):
    images, labels = real(shards)

    found = score(images, labels)

    assert found["generated_to_real"] == found["real_to_real"], "one network, one training"
    assert found["real_to_generated"] > 0.8
    assert found["generated_images"] == found["real_train_images"] == 72
    assert found["real_test_images"] == 120


def test_labels_mixed_up_show_both_ways(score, shards):
    images, labels = real(shards)

    found = score(images, (labels + 1) % 3)

    assert found["generated_to_real"] < 0.5
    assert found["real_to_generated"] < 0.2


def test_no_variety_shows_in_the_training_alone(score, shards):
    """One image a class: recognised each time, but nothing to learn a class from."""
    images, labels = real(shards)
    first = [int(np.flatnonzero(labels == label)[0]) for label in (0, 1, 2)]
    before = score(images, labels)

    found = score(images[first * 24], np.array([0, 1, 2] * 24))

    assert found["real_to_generated"] in (0, 1 / 3, 2 / 3, 1)
    assert found["generated_to_real"] < before["generated_to_real"]


def test_is_the_same_again_and_moves_no_random_state(score, shards):
    images, labels = real(shards)
    before = torch.get_rng_state()

    first, second = score(images, labels), score(images, labels)

    assert first == second
    assert torch.equal(torch.get_rng_state(), before)


def test_two_are_enough_and_fewer_are_refused(score, shards):
    images, labels = real(shards)
    assert score(images[:2], labels[:2])["generated_images"] == 2
    with pytest.raises(ValueError, match="at least 2 samples, got 1"):
        score(images[:1], labels[:1])
