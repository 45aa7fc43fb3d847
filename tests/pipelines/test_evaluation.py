import json
from typing import get_type_hints

import numpy as np
import pytest
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from sagan.datasets import EvaluationPicturesDataset, JSONDataset, StatisticsDataset
from sagan.metrics.config import EvaluationConfig
from sagan.pipelines.evaluation.pipeline import create_pipeline
from sagan.training import train
from sagan.training.config import TrainingConfig
from tests.small_world import TRAINING, small_bundle


@pytest.fixture(scope="module")
def shards(small_store):
    return small_store


@pytest.fixture
def config():
    return EvaluationConfig(
        features="classifier",
        num_samples=20,
        batch_size=8,
        classifier={"epochs": 2, "base_channels": 8, "feature_dim": 8},
        device="cpu",
    )


def run(shards, bundle, config, workspace) -> DataCatalog:
    handles = {
        "image_shards": shards,
        "generator_bundle": bundle,
        "evaluation_workspace": workspace,
        "params:evaluation": config,
    }
    catalog = DataCatalog(
        {name: MemoryDataset(handle, copy_mode="assign") for name, handle in handles.items()}
    )
    # what another node reads must outlive the run: memory is freed after its last reader
    catalog["reference_statistics"] = StatisticsDataset(filepath=str(workspace / "reference.npz"))
    catalog["metrics"] = JSONDataset(filepath=str(workspace / "metrics.json"))
    catalog["evaluation_pictures"] = MemoryDataset()
    SequentialRunner().run(create_pipeline(), catalog)
    return catalog


def test_quick_is_followed_and_named(shards, config, tmp_path):
    sweep = {"truncations": [1.0], "num_samples": 20}
    asked = EvaluationConfig(**config.model_dump() | {"protocol": "quick", "sweep": sweep})

    metrics = run(shards, small_bundle(tmp_path / "generator"), asked, tmp_path)["metrics"].load()

    assert metrics["protocol"]["name"] == "quick"
    assert metrics["protocol"]["named"]["num_samples"] == 1000
    assert metrics["protocol"]["samples"]["count"] == 1000
    assert "truncation_sweep" not in metrics["details"]
    assert "fd_classifier_infinity" not in metrics


@pytest.mark.parametrize("features", ["classifier", "rotation"])
def test_the_network_of_trainings_scores_is_read_not_trained_again(
    shards, config, tmp_path, caplog, monkeypatch, *, features
):
    config = config.model_copy(update={"features": features})
    scores = config.model_dump() | {"num_samples": 12, "kernel": None, "neighbours": None}
    training = TRAINING | {"total_images": 4, "scoring": {"every_images": 4, "evaluation": scores}}
    result = train(
        TrainingConfig(**training), shards, tmp_path / "runs", feature_cache=tmp_path / "features"
    )
    assert len(result.scores) == 1
    monkeypatch.setattr(
        "sagan.metrics.features.classifier.fit", lambda *_: pytest.fail("trained again")
    )

    with caplog.at_level("INFO"):
        metrics = run(shards, result.bundle, config, tmp_path / "features")["metrics"].load()

    assert f"fd_{features}" in metrics
    kind = "rotations" if features == "rotation" else "classes"
    assert caplog.text.count(f"the network that predicts {kind} was trained before") == 1


def test_makes_metrics_and_reference_statistics(shards, config, tmp_path):
    bundle = small_bundle(tmp_path / "generator")

    catalog = run(shards, bundle, config, tmp_path / "features")

    metrics, reference = catalog["metrics"].load(), catalog["reference_statistics"].load()
    assert np.isfinite(metrics["fd_classifier"])
    assert {"recognised", "diversity_mean", "diversity_min", "self_test"} <= set(metrics)
    assert metrics["protocol"]["samples"] == {
        "count": 20,
        "class_labels": "evenly over the classes",
        "seed": 0,
        "truncation": None,
        "generator": bundle.facts,
    }
    assert reference["mu"].shape == (8,)
    assert reference["sigma"].shape == (8, 8)
    assert not any(array.dtype.hasobject for array in reference.values())
    pictures = catalog["evaluation_pictures"].load()
    assert set(EvaluationPicturesDataset.required) == set(pictures)
    assert json.loads(str(pictures["metadata"]))["samples"] == metrics["protocol"]["samples"]


def test_the_first_numbers_are_told(shards, config, tmp_path, caplog):
    bundle = small_bundle(tmp_path / "generator")

    with caplog.at_level("INFO"):
        metrics = run(shards, bundle, config, tmp_path / "features")["metrics"].load()

    low, high = (metrics["intervals"]["fd_classifier"][end] for end in ("low", "high"))
    distance = f"fd_classifier {metrics['fd_classifier']:.4g} ({low:.4g} to {high:.4g})"
    lines = [record.message for record in caplog.records]
    assert distance in lines
    assert any(line.startswith(f"precision {metrics['precision']:.3g}, recall") for line in lines)


def test_is_the_same_again(shards, config, tmp_path):
    bundle = small_bundle(tmp_path / "generator")

    first = run(shards, bundle, config, tmp_path / "one")["metrics"].load()
    second = run(shards, bundle, config, tmp_path / "two")["metrics"].load()

    assert first == second


def test_absent_inception_weights_end_it(shards, tmp_path):
    config = EvaluationConfig(num_samples=20, inception_weights=tmp_path / "none.pth", device="cpu")

    with pytest.raises(FileNotFoundError, match=r"none\.pth .*6726825d"):
        run(shards, small_bundle(tmp_path / "generator"), config, tmp_path / "features")


def test_parameters_are_checked_by_the_model():
    """Kedro checks what it can resolve: a hint that does not resolve switches the checks off."""
    for node in create_pipeline().nodes:
        assert get_type_hints(node.func)["config"] is EvaluationConfig


@pytest.mark.parametrize(
    ("environment", "features", "count"),
    [
        ("base", "classifier", 1000),
        ("cifar10", "classifier", 10_000),
        ("tiny_imagenet64", "classifier", 5000),
        ("imagenet128", "inception", 50_000),
    ],
)
def test_parameter_files_are_valid(environment, features, count):
    loader = OmegaConfigLoader(
        "conf", base_env="base", env=environment, merge_strategy={"parameters": "soft"}
    )

    config = EvaluationConfig.model_validate(loader["parameters"]["evaluation"])

    assert (config.features, config.num_samples) == (features, count)
    assert (config.classifier is None) == (environment == "imagenet128")
