"""Projected validation images: distances, pictures and the report's section agree."""

import json

import numpy as np
import pytest

from sagan.completion.config import EncoderConfig, SearchConfig
from sagan.metrics import projection
from sagan.metrics.pictures import evaluation_pictures
from sagan.reporting.pictures import projections
from tests.small_world import PROTOCOL, small_bundle

QUICK = SearchConfig(refine_steps=4, candidates=2, encoder=EncoderConfig(steps=3))


@pytest.fixture
def config(config):
    return config.model_copy(
        update=PROTOCOL | {"projected_images": 2, "classifier": config.classifier}
    )


def test_each_class_is_compared_with_its_nearest_images(
    shards, config, workspace, tmp_path, monkeypatch
):
    monkeypatch.setattr(projection, "SEARCH", QUICK)
    bundle = small_bundle(tmp_path / "generator", distinct=True)

    metrics = json.loads(
        json.dumps(projection.evaluate_and_project(bundle, shards, config, workspace))
    )
    pictures = evaluation_pictures(bundle, shards, metrics, config)

    found = metrics["details"]["projection"]
    train, names = shards.split("train"), shards.class_names
    assert list(found["by_class"]) == list(names)
    assert pictures["projected_labels"].tolist() == [0, 0, 1, 1, 2, 2]
    for one, real, made, label in zip(
        found["images"],
        pictures["projected_real"].astype(float),
        pictures["projected_made"].astype(float),
        pictures["projected_labels"],
        strict=True,
    ):
        assert one["distance"] == pytest.approx(np.sqrt(((real - made) ** 2).mean()), abs=1)
        own = train.read(np.flatnonzero(train.labels == label)).numpy().astype(float)
        nearest = np.sqrt(((own - real) ** 2).mean(axis=(1, 2, 3)).min())
        assert one["nearest_training_image"] == pytest.approx(nearest, rel=1e-4)
    shown = projections(pictures, found["by_class"], {name: name.upper() for name in names})
    worst = max(
        found["by_class"],
        key=lambda name: np.divide(*found["by_class"][name].values()),
    )
    assert shown[0]["name"] == worst.upper()
    assert all(len(one["real"]) == len(one["made"]) == 2 for one in shown)


def test_without_a_validation_split_it_is_refused_before_anything_is_measured(
    shards, config, workspace, tmp_path, monkeypatch
):
    monkeypatch.setattr(type(shards), "splits", ("train",))
    with pytest.raises(ValueError, match="projected_images needs the splits train and val"):
        projection.evaluate_and_project(
            small_bundle(tmp_path / "generator"), shards, config, workspace
        )


def test_pictures_of_an_earlier_version_have_no_section():
    assert projections({}, {"a": {"distance": 1.0, "nearest_training_image": 1.0}}, {}) == []
