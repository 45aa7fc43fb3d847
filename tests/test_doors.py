"""The device is looked for before a run starts."""

from pathlib import Path

import pytest
import torch
from kedro.io import DataCatalog, MemoryDataset

from sagan.catalog import GeneratorBundleDataset
from sagan.doors import COMPUTING, check_device, check_study, check_weights
from sagan.pipeline_registry import register_pipelines
from sagan.training.config import TrainingConfig
from tests.small_world import small_bundle
from tests.tuning.conftest import STUDY, TRAINING

PIPELINES = register_pipelines()


def catalog(**devices: str) -> DataCatalog:
    """Parameters as Kedro hands them over: a model, or plain mappings."""
    training = TrainingConfig(device=devices.get("training", "cpu"))
    entries = {"params:training": MemoryDataset(training)}
    for station in ("sampling", "evaluation"):
        values = {"device": devices.get(station, "cpu"), "features": "classifier"}
        entries[f"params:{station}"] = MemoryDataset(values)
    return DataCatalog(entries)


@pytest.mark.parametrize("station", sorted(COMPUTING))
def test_cuda_that_is_not_there_is_refused_before_anything_runs(
    station: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device: cuda was asked for"):
        check_device(PIPELINES["__default__"], catalog(**{station: "cuda"}))


def test_the_device_of_a_station_that_does_not_run_is_no_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check_device(PIPELINES["sampling"], catalog(training="cuda"))


def test_stations_that_compute_are_those_with_a_device() -> None:
    from kedro.validation.type_extractor import TypeExtractor

    models = TypeExtractor(dict(PIPELINES)).extract_types_from_pipelines()
    assert {name for name, model in models.items() if "device" in model.model_fields} == COMPUTING


@pytest.mark.parametrize(
    ("study", "training", "said"),
    [
        ({"search_space": {"generator_lrr": STUDY["search_space"]["generator_lr"]}}, {}, "nearest"),
        ({"warm_starts": {"default": {}}}, {"generator_lr": 1.0}, "lies outside"),
        ({"storage": "redis://host"}, {}, "of no known kind"),
        ({}, {"device": "cuda"}, "cuda was asked for"),
    ],
)
def test_a_study_that_could_not_begin_is_refused_before_its_images_are_made(
    study: dict, training: dict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    entries = {"params:tuning": STUDY | study, "params:training": TRAINING | training}
    catalog = DataCatalog({name: MemoryDataset(values) for name, values in entries.items()})
    with pytest.raises((ValueError, OSError)) as refused:
        check_study(PIPELINES["tune"], catalog)
    assert said.replace("nearest", "did you mean 'generator_lr'") in str(refused.value)
    check_study(PIPELINES["train"], catalog)  # is nothing to it


@pytest.mark.parametrize(
    ("weights", "training", "said"),
    [
        ("ema", {"ema_decay": None}, "ema was asked for.*training.ema_decay makes an average"),
        ("raw", {"ema_decay": 0.9, "export_raw": False}, "raw was asked for.*export_raw=true"),
        ("raw", {"ema_decay": None, "export_raw": False}, None),
        ("raw", {"ema_decay": 0.9}, None),
        ("ema", {"ema_decay": 0.9}, None),
        (None, {"ema_decay": None}, None),
    ],
)
def test_weights_that_training_will_not_leave_are_refused_before_it(
    weights: str | None, training: dict, said: str | None
) -> None:
    entries = {"params:evaluation": {"weights": weights}, "params:training": TRAINING | training}
    catalog = DataCatalog({name: MemoryDataset(values) for name, values in entries.items()})
    if said is None:
        check_weights(PIPELINES["__default__"], catalog)
        return
    with pytest.raises(ValueError, match=said):
        check_weights(PIPELINES["__default__"], catalog)
    check_weights(PIPELINES["train"], catalog)  # measures nothing


def test_weights_that_a_generator_has_not_are_refused_before_images_are_looked_at(
    tmp_path: Path,
) -> None:
    bundle = small_bundle(tmp_path / "generator")
    catalog = DataCatalog(
        {
            "params:evaluation": MemoryDataset({"weights": "ema"}),
            "generator_bundle": GeneratorBundleDataset(filepath=str(bundle.path)),
        }
    )
    with pytest.raises(ValueError, match="no ema weights, but raw"):
        check_weights(PIPELINES["evaluate"], catalog)
