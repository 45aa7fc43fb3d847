"""The few images behind the numbers are those that the numbers are of."""

import json

import numpy as np
import pytest
import torch

from sagan.metrics.evaluate_generator import evaluate_generator
from sagan.metrics.features.classifier import ClassifierFeatures, obtain_classifier
from sagan.metrics.pictures import IMAGES_A_CLASS, evaluation_pictures
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents
from tests.small_world import small_bundle

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return small_bundle(tmp_path_factory.mktemp("bundle") / "generator")


@pytest.fixture
def config(config):
    return config.model_copy(update={"seed": 5, "truncation": 2.0, "device": "cpu"})


@pytest.fixture
def metrics(bundle, shards, config, workspace):
    """As the file holds them."""
    return json.loads(json.dumps(evaluate_generator(bundle, shards, config, workspace)))


@pytest.fixture
def pictures(bundle, shards, metrics, config):
    return evaluation_pictures(bundle, shards, metrics, config)


def all_samples(bundle, config):
    """The whole series, made at once."""
    latents = sample_latents(config.num_samples, bundle.latent_dim, config.seed, config.truncation)
    labels = torch.arange(config.num_samples) % bundle.num_classes
    (images,) = generate(bundle.load(), latents, labels, config.num_samples)
    return images.numpy()


def test_samples_are_those_of_the_series(pictures, bundle, config):
    series = all_samples(bundle, config).astype(int)

    places = pictures["pair_sample_indices"]
    assert np.abs(pictures["pair_samples"] - series[places]).max() <= 1
    assert (pictures["pair_sample_labels"] == places % 3).all()
    of_classes = [series[label::3][:IMAGES_A_CLASS] for label in pictures["class_labels"]]
    assert np.abs(pictures["class_samples"] - np.concatenate(of_classes)).max() <= 1


def test_neighbours_are_the_nearest_training_images(pictures, shards, config, workspace):
    """Found again one by one, from the pictures themselves."""
    classifier = obtain_classifier(shards, config.classifier, workspace, CPU)
    features, train = ClassifierFeatures(classifier), shards.split("train")
    base = features(train.read(np.arange(len(train)))).double()
    for sample, neighbours, places, distances, labels in zip(
        pictures["pair_samples"],
        pictures["pair_neighbours"],
        pictures["pair_neighbour_indices"],
        pictures["pair_distances"],
        pictures["pair_neighbour_labels"],
        strict=True,
    ):
        to_all = (features(torch.from_numpy(sample[None])).double() - base).norm(dim=1)
        assert to_all.sort().values[:3].numpy() == pytest.approx(distances, rel=0.02, abs=0.02)
        assert to_all[places].numpy() == pytest.approx(distances, rel=0.02, abs=0.02)
        assert (train.read(places).numpy() == neighbours).all()
        assert (train.labels[places] == labels).all()


def test_the_nearest_come_first_and_the_drawn_are_others(pictures):
    drawn, nearest = pictures["pair_drawn"], pictures["pair_distances"][:, 0]

    assert drawn.tolist() == [False] * 8 + [True] * 8
    assert (np.diff(nearest[~drawn]) >= 0).all()
    assert nearest[drawn].max() > nearest[~drawn].max(), "a draw has far samples too"


def test_classes_are_in_order_with_real_images_of_their_own(pictures, shards):
    assert sorted(pictures["class_labels"]) == [0, 1, 2]
    assert (np.diff(pictures["class_distances"]) <= 0).all()
    train = shards.split("train")
    for image, label in zip(pictures["class_real"], pictures["class_real_labels"], strict=True):
        own = train.read(np.flatnonzero(train.labels == label)).numpy()
        assert (own == image).all(axis=(1, 2, 3)).any()
    assert np.bincount(pictures["class_real_labels"]).tolist() == [8, 8, 8]


def test_what_was_not_measured_has_no_pictures(bundle, shards, metrics, config):
    for name in ("intra_class", "nearest_training_images"):
        del metrics["details"][name]

    pictures = evaluation_pictures(bundle, shards, metrics, config)

    counts = {name: len(array) for name, array in pictures.items() if name != "metadata"}
    assert set(counts.values()) == {0}


@pytest.mark.parametrize("changed", [{"seed": 6}, {"truncation": None}], ids=str)
def test_samples_that_were_not_measured_are_refused(bundle, shards, metrics, config, changed):
    (name,) = changed
    with pytest.raises(ValueError, match=rf"other samples than these would be \({name}"):
        evaluation_pictures(bundle, shards, metrics, config.model_copy(update=changed))


def test_metrics_of_another_generator_are_refused(bundle, shards, metrics, config):
    metrics["protocol"]["samples"]["generator"]["images_seen"] = 7

    with pytest.raises(ValueError, match="generator differ"):
        evaluation_pictures(bundle, shards, metrics, config)


def test_either_weights_are_measured_and_shown(shards, config, workspace, tmp_path):
    both = small_bundle(tmp_path / "both", averaged=True)
    found, few = {}, {"bootstrap_resamples": 0, "extrapolation_points": 0, "kernel": None}
    for weights in (None, "raw"):
        chosen = config.model_copy(update={"weights": weights} | few)
        metrics = json.loads(json.dumps(evaluate_generator(both, shards, chosen, workspace)))
        pictures = evaluation_pictures(both, shards, metrics, chosen)
        series = all_samples(both.choose(weights), config).astype(int)
        off = pictures["pair_samples"] - series[pictures["pair_sample_indices"]]
        assert np.abs(off).max() <= 1, weights
        found[weights] = metrics

    told = {w: m["protocol"]["samples"]["generator"]["weights"] for w, m in found.items()}
    assert told == {None: "ema", "raw": "raw"}
    assert found["raw"]["fd_classifier"] != pytest.approx(found[None]["fd_classifier"], rel=1e-3)
    other = config.model_copy(update={"weights": "raw"})
    with pytest.raises(ValueError, match=r"other samples than these would be \(generator"):
        evaluation_pictures(both, shards, found[None], other)


def test_weights_that_the_bundle_has_not_are_refused(bundle, shards, config, workspace):
    asked = config.model_copy(update={"weights": "ema"})

    with pytest.raises(ValueError, match="no ema weights, but raw"):
        evaluate_generator(bundle, shards, asked, workspace)
