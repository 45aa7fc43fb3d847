import copy
import dataclasses
import json

import numpy as np
import pytest
import torch

from sagan.metrics.class_labels import evaluation_labels
from sagan.metrics.evaluate_generator import check_generator
from sagan.metrics.evaluation import evaluate, learnt_nothing
from sagan.metrics.features.references import reference_statistics
from sagan.metrics.measures import Measurements
from sagan.sampling.generate import generate
from sagan.sampling.latents import sample_latents
from tests.small_world import small_bundle, small_shards

CPU = torch.device("cpu")


def real_batches(shards, split="train", size=25):
    images = shards.split(split)
    labels = torch.from_numpy(images.labels)
    for indices in torch.arange(len(images)).split(size):
        yield images.read(indices.numpy()), labels[indices]


def run(batches, shards, config, workspace, reference=None):
    reference = reference or reference_statistics(shards, config, workspace, CPU)
    return evaluate(
        batches, shards, reference, config, workspace=workspace, device=CPU, origin={"seed": 0}
    )


def test_the_reference_itself_scores_zero(shards, config, workspace):
    metrics = run(real_batches(shards), shards, config, workspace)

    assert metrics["fd_classifier"] == pytest.approx(0, abs=1e-4)
    assert metrics["recognised"] > 0.8
    assert metrics["diversity_mean"] == pytest.approx(1)
    assert metrics["diversity_min"] == pytest.approx(1)
    assert metrics["warnings"] == []
    assert metrics["self_test"]["between"] == "train and val"
    assert metrics["self_test"]["images"] == [72, 12]
    assert metrics["self_test"]["fd_classifier"] > 0


def test_does_not_depend_on_the_batch_size(shards, config, workspace):
    first = run(real_batches(shards, size=7), shards, config, workspace)
    second = run(real_batches(shards, size=72), shards, config, workspace)

    assert first["fd_classifier"] == pytest.approx(second["fd_classifier"], abs=1e-4)
    assert first["recognised"] == second["recognised"]


def test_noise_scores_worse_than_real_images(shards, config, workspace):
    images = torch.randint(0, 256, (60, 3, 16, 16), dtype=torch.uint8)
    labels = evaluation_labels(60, [1, 1, 1])

    metrics = run(zip(images.split(20), labels.split(20), strict=True), shards, config, workspace)

    assert metrics["fd_classifier"] > 2 * metrics["self_test"]["fd_classifier"]
    assert metrics["recognised"] < 0.8


def test_the_file_carries_its_protocol(shards, config, workspace):
    metrics = run(real_batches(shards), shards, config, workspace)

    protocol = json.loads(json.dumps(metrics, allow_nan=False))["protocol"]
    assert protocol["samples"] == {"count": 72, "seed": 0}
    reference = protocol["reference"]
    assert (reference["count"], reference["split"], reference["image_size_px"]) == (72, "train", 16)
    assert reference["data_hash"] == shards.data_hash
    assert reference["features"]["weights_sha256"] == metrics["classifier"]["weights_sha256"]
    assert set(protocol["versions"]) >= {"numpy", "scipy", "torch"}


def test_the_reference_is_measured_once(shards, config, workspace, monkeypatch):
    first = reference_statistics(shards, config, workspace, CPU)
    monkeypatch.setattr("sagan.metrics.features.references.measure_statistics", lambda *_: 1 / 0)

    second = reference_statistics(shards, config, workspace, CPU)

    assert (first.covariance == second.covariance).all()


def test_a_reference_by_other_code_is_measured_again(shards, config, tmp_path, monkeypatch):
    """The protocol, under which numbers may be compared, is the same all the same."""
    first = reference_statistics(shards, config, tmp_path, CPU)
    place = "sagan.metrics.features.classifier.ClassifierFeatures.code"
    for name in (place, "sagan.metrics.features.references._CODE"):
        with monkeypatch.context() as changed:
            changed.setattr(name, "000000000000")
            again = reference_statistics(shards, config, tmp_path, CPU)
        assert again.protocol == first.protocol

    assert len(list(tmp_path.glob("statistics-*.npz"))) == 3


def test_a_damaged_cached_reference_is_measured_again(shards, config, tmp_path, caplog):
    first = reference_statistics(shards, config, tmp_path, CPU)
    path = next(tmp_path.glob("statistics-*.npz"))
    path.write_bytes(path.read_bytes()[:-30])

    second = reference_statistics(shards, config, tmp_path, CPU)

    assert "computing them again" in caplog.text
    assert (first.mean == second.mean).all()
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_a_reference_of_another_split_is_refused(shards, config, workspace):
    other = config.model_copy(update={"reference_split": "val"})
    reference = reference_statistics(shards, other, workspace, CPU)

    with pytest.raises(ValueError, match=r"another protocol .*\n.*count: 12 -> 72"):
        run(real_batches(shards), shards, config, workspace, reference)


def test_the_reference_may_be_a_draw_and_says_so(shards, config, workspace):
    some = config.model_copy(update={"reference_count": 50})
    drawn, whole = (reference_statistics(shards, c, workspace, CPU) for c in (some, config))

    assert (drawn.count, drawn.protocol["part"]) == (50, "50 drawn")
    assert 0 < np.abs(drawn.mean - whole.mean).max() < np.abs(whole.mean).max()
    reference = run(real_batches(shards), shards, some, workspace, drawn)["protocol"]["reference"]
    assert (reference["count"], reference["part"]) == (50, "50 drawn")
    with pytest.raises(ValueError, match=r'count: 50 -> 72\n  part: "50 drawn" -> '):
        run(real_batches(shards), shards, config, workspace, drawn)


def test_a_draw_of_all_is_all_and_of_more_is_refused(shards, config, workspace):
    everything = config.model_copy(update={"reference_count": 72})
    too_many = config.model_copy(update={"reference_count": 73})

    assert reference_statistics(shards, everything, workspace, CPU).protocol["part"] == "all"
    with pytest.raises(ValueError, match="73 real images asked for, split train has 72"):
        reference_statistics(shards, too_many, workspace, CPU)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_size_px", 32),
        ("split", "val"),
        ("part", "even"),
        ("data_hash", "another"),
        ("shards_key", "another resizer"),
        ("features.resizer", "bicubic to 299x299"),
        ("features.weights_sha256", "f" * 64),
        ("count", 71),
    ],
)
def test_a_reference_of_another_protocol_is_refused(shards, config, workspace, key, value):
    sound = reference_statistics(shards, config, workspace, CPU)
    protocol = copy.deepcopy(sound.protocol)
    if key.startswith("features."):
        protocol["features"][key.removeprefix("features.")] = value
    elif key != "count":
        protocol[key] = value
    other = dataclasses.replace(
        sound, protocol=protocol, count=value if key == "count" else sound.count
    )

    with pytest.raises(ValueError, match="made under another protocol") as error:
        run(real_batches(shards), shards, config, workspace, other)
    assert f"\n  {key}: {json.dumps(value)} -> " in str(error.value)


def test_nan_features_are_an_error(shards, config, workspace, monkeypatch):
    reference = reference_statistics(shards, config, workspace, CPU)
    monkeypatch.setattr(
        "sagan.metrics.features.classifier.Classifier.features",
        lambda self, x: torch.full((len(x), 8), torch.nan),
    )

    with pytest.raises(ValueError, match="features of 25 of 25 images are NaN"):
        run(real_batches(shards), shards, config, workspace, reference)


def test_a_generator_in_training_is_left_as_it_was(shards, config, workspace, tmp_path):
    """Mode, weights, batch norm's statistics and spectral norm's vectors."""
    generator = small_bundle(tmp_path / "generator").load().train()
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    labels = evaluation_labels(30, [1, 1, 1])
    images = generate(generator, sample_latents(30, 12, seed=0), labels, 10)

    run(zip(images, labels.split(10), strict=True), shards, config, workspace)

    assert generator.training
    assert all(layer.training for layer in generator.modules())
    after = generator.state_dict()
    assert any("running" in name for name in after)
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_an_unknown_split_is_refused(shards, config, workspace):
    other = config.model_copy(update={"reference_split": "test"})

    with pytest.raises(ValueError, match="no split 'test'; expected one of train, val"):
        reference_statistics(shards, other, workspace, CPU)


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_samples_are_refused(shards, config, workspace, count):
    images, labels = next(real_batches(shards))

    with pytest.raises(ValueError, match=f"at least 2 images, got {count}"):
        run([(images[:count], labels[:count])], shards, config, workspace)


def test_a_classifier_that_has_learned_nothing_is_said(shards, config, tmp_path):
    untrained = config.classifier.model_copy(update={"epochs": 1, "learning_rate": 1e-9})
    config = config.model_copy(update={"classifier": untrained})

    metrics = run(real_batches(shards), shards, config, tmp_path)

    (said,) = (text for text in metrics["warnings"] if text.startswith("the classifier"))
    assert "12 real validation images" in said
    assert "balanced accuracy 33.3%" in said
    assert "chance: 33%" in said


def test_few_samples_are_said(shards, config, workspace, caplog):
    images, labels = next(real_batches(shards))

    metrics = run([(images[:5], labels[:5])], shards, config, workspace)

    said = "\n".join(metrics["warnings"])
    assert "fd_classifier, samples: 5 images are too few for 8 feature dimensions" in said
    assert "biased upwards" in said
    assert "classifier_score: 5 samples are too few for 10 splits" in said
    assert (
        "precision, recall, density and coverage need 6 images on each side, got 5 and 72" in said
    )
    assert "2 of 3 classes have fewer than 2" in said
    assert all(warning in caplog.text for warning in metrics["warnings"])
    assert not {"precision", "classifier_score"} & set(metrics)
    assert np.isfinite(metrics["fd_classifier"])


def test_without_a_second_split_halves_are_compared(tmp_path, config):
    shards = small_shards(tmp_path, val_per_class=0)

    metrics = run(real_batches(shards), shards, config, tmp_path / "features")

    assert metrics["self_test"]["between"] == "even and odd images of train"
    assert metrics["self_test"]["images"] == [36, 36]


def test_labels_are_even():
    assert evaluation_labels(7, [1, 1, 1]).tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_a_generator_of_other_data_is_refused(shards, tmp_path):
    check_generator(small_bundle(tmp_path / "same"), shards)
    other = small_bundle(tmp_path / "other", class_names=("00_circle", "01_square", "cat"))

    with pytest.raises(ValueError, match="2 are in one only: 02_triangle, cat"):
        check_generator(other, shards)
    preprocessing = "kedro run --pipelines=preprocessing --params=preprocessing"
    remedy = f"{preprocessing}.image_size=16,preprocessing.channels=1$"
    with pytest.raises(ValueError, match=f"with channels: 1, the shards hold 3; .*{remedy}"):
        check_generator(small_bundle(tmp_path / "grey", channels=1), shards)
    larger = type(shards)(shards.path, shards.index | {"image_size": 64})
    with pytest.raises(ValueError, match=f"16 px, the shards hold 64 px.*{remedy[:-2]}3$"):
        check_generator(small_bundle(tmp_path / "again"), larger)


def test_random_states_are_left_alone(shards, config, workspace):
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()

    run(real_batches(shards), shards, config, workspace)

    assert torch.equal(torch.get_rng_state(), torch_before)
    assert (np.random.get_state()[1] == numpy_before).all()


@pytest.mark.parametrize(
    ("recognised", "low", "recall", "told"),
    [
        (0.12, 0.08, 0.5, ["recognised: 12.0% of the samples show their class, by chance 10.0%"]),
        (0.12, 0.11, 0.5, []),
        (0.9, 0.88, 0.049, ["recall: the samples cover 4.9% of the real images"]),
        (0.1, 0.05, 0.0, ["recognised: 10.0%", "recall: the samples cover 0.0%"]),
    ],
)
def test_a_generator_that_learnt_nothing_is_said_to(recognised, low, recall, told):
    scores = {"recognised": recognised, "recall": recall, "precision": 0.9}
    measured = Measurements(scores, intervals={"recognised": {"low": low, "high": 1.0}})

    warnings = learnt_nothing(measured, classes=10)

    assert [text.startswith(begins) for text, begins in zip(warnings, told, strict=True)] == [
        True for _ in told
    ]
