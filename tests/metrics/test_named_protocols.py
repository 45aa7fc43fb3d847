import copy

import pytest
from pydantic import ValidationError

from sagan.metrics.config import EvaluationConfig
from sagan.metrics.features.inception import DIMENSIONS, WEIGHTS_SHA256
from sagan.metrics.named_protocols import PROTOCOLS, name_protocol, refuse_set_by_quick

PAPER = {
    "features": "inception",
    "samples": {
        "count": 50_000,
        "class_labels": "evenly over the classes",
        "truncation": None,
        "generator": {"weights": "raw", "batch_norm_statistics": "running averages"},
    },
    "reference": {
        "split": "train",
        "part": "all",
        "features": {
            "weights_sha256": WEIGHTS_SHA256 + "0" * 56,
            "resizer": "bilinear to 299x299, not antialiased, corners not aligned",
            "dimensions": DIMENSIONS,
        },
    },
}


def changed(path, value):
    protocol = copy.deepcopy(PAPER)
    place = protocol
    *folders, key = path.split(".")
    for folder in folders:
        place = place[folder]
    place[key] = value
    return protocol


def test_the_papers_is_recognised():
    assert name_protocol(PAPER) == name_protocol(PAPER, "fid50k_train") == "fid50k_train"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("samples.count", 49_999),
        ("samples.class_labels", "as in the training set"),
        ("samples.truncation", 0.5),
        ("samples.generator.weights", "ema"),
        ("samples.generator.batch_norm_statistics", "standing, 50 batches of 64"),
        ("reference.split", "val"),
        ("reference.part", "even"),
        ("reference.features.weights_sha256", "f" * 64),
        ("reference.features.resizer", "bicubic to 299x299"),
        ("features", "classifier"),
    ],
)
def test_any_departure_loses_the_name_and_is_refused_where_it_was_demanded(path, value):
    protocol = changed(path, value)

    assert name_protocol(protocol) is None
    with pytest.raises(ValueError, match="protocol fid50k_train is not followed") as error:
        name_protocol(protocol, "fid50k_train")
    assert f"got {value}, expected" in str(error.value)
    assert "evaluation.protocol to null" in str(error.value)


def test_samples_of_unknown_origin_have_no_name():
    protocol = PAPER | {"samples": {"count": 50_000, "file": "samples.npz"}}

    assert name_protocol(protocol) is None


def test_names_are_told_apart():
    """Of any two protocols something differs, or a name would say nothing."""
    fixed = [protocol.model_dump_json() for protocol in PROTOCOLS.values()]

    assert len(set(fixed)) == len(fixed)


def test_parameters_that_contradict_a_demanded_protocol_are_refused_at_the_door():
    with pytest.raises(ValidationError, match="num_samples: got 100, expected 50000"):
        EvaluationConfig(protocol="fid50k_train", num_samples=100)
    with pytest.raises(ValidationError, match="did you mean 'fid50k_train'"):
        EvaluationConfig(protocol="fid50k_trian")
    with pytest.raises(ValidationError, match="resizer: got PIL's bicubic"):
        EvaluationConfig(protocol="fid50k_train", inception_resizer="pil_bicubic")
    with pytest.raises(ValidationError, match="reference_images: got drawn, expected all"):
        EvaluationConfig(protocol="fid50k_train", reference_count=10_000)
    with pytest.raises(ValidationError, match="generator_weights: got ema, expected raw"):
        EvaluationConfig(protocol="fid50k_train", weights="ema")
    assert EvaluationConfig(protocol="fid50k_train").num_samples == 50_000
    assert EvaluationConfig(protocol="fid50k_train", weights="raw").weights == "raw"


def test_quick_sets_what_makes_an_evaluation_long_and_leaves_the_rest():
    given = {"num_samples": 5000, "sweep": {"truncations": [1.0], "num_samples": 50}, "seed": 7}
    config = EvaluationConfig(protocol="quick", **given)
    assert config.num_samples == 5000, "what another protocol would measure is kept"

    followed = config.followed()

    assert (followed.num_samples, followed.kept_reference) == (1000, 2000)
    assert (followed.bootstrap_resamples, followed.extrapolation_points) == (10, 0)
    assert (followed.sweep.truncations, followed.sweep.num_samples) == ((), 50)
    assert (followed.protocol, followed.seed) == ("quick", 7)
    assert followed.followed() == followed
    other = EvaluationConfig(**given)
    assert other.followed() is other


def test_quick_is_a_name_for_those_who_ask_for_it():
    protocol = changed("samples.count", 1000)

    assert name_protocol(protocol) is None
    assert name_protocol(protocol, "quick") == "quick"
    with pytest.raises(ValueError, match="protocol quick is not followed: num_samples: got 50000"):
        name_protocol(PAPER, "quick")


def test_values_that_quick_would_replace_are_refused():
    asked = {"num_samples": 500, "sweep": {"truncations": [], "num_samples": 3}, "seed": 1}
    refuse_set_by_quick(None, asked)
    refuse_set_by_quick("fid50k_train", asked)
    refuse_set_by_quick("quick", {"num_samples": 1000, "sweep": {"truncations": []}})

    with pytest.raises(ValueError, match=r"quick sets num_samples itself; add evaluation\.proto"):
        refuse_set_by_quick("quick", asked)


def test_accuracy_needs_a_classifier():
    with pytest.raises(ValidationError, match="accuracy_samples needs the block 'classifier'"):
        EvaluationConfig(accuracy_samples=10)
