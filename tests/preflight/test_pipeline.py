"""What would stop a run after hours is told before it starts: devices, networks, studies."""

import json
from pathlib import Path

import pytest
import torch
from kedro.io import AbstractDataset, DataCatalog, DatasetError, MemoryDataset

from sagan.datasets import GeneratorBundleDataset
from sagan.pipeline_registry import register_pipelines
from sagan.preflight.pipeline import (
    COMPUTING,
    check_device,
    check_features,
    check_inputs,
    check_launcher,
    check_networks,
    check_source,
    check_start,
    check_study,
    check_versions,
    check_weights,
)
from sagan.training.config import TrainingConfig
from tests.small_world import small_bundle
from tests.tuning.conftest import STUDY, TRAINING

PIPELINES = register_pipelines()


def catalog(**devices: str) -> DataCatalog:
    """Parameters as Kedro hands them over: a model, or plain mappings."""
    training = TrainingConfig(device=devices.get("training", "cpu"))
    entries = {"params:training": MemoryDataset(training)}
    for pipeline in ("sampling", "evaluation", "completion"):
        values = {"device": devices.get(pipeline, "cpu"), "features": "classifier"}
        entries[f"params:{pipeline}"] = MemoryDataset(values)
    return DataCatalog(entries)


@pytest.mark.parametrize("pipeline", sorted(COMPUTING))
def test_cuda_that_is_not_there_is_refused_before_anything_runs(
    pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device: cuda was asked for"):
        check_device(PIPELINES[pipeline], catalog(**{pipeline: "cuda"}))
    with pytest.raises(ValueError, match="device: cuda:1 was asked for"):
        check_device(PIPELINES[pipeline], catalog(**{pipeline: "cuda:1"}))


@pytest.mark.parametrize("pipeline", ["tuning", "comparison"])
def test_cuda_that_is_not_there_is_refused_before_a_study_of_many_trainings(
    pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="device: cuda was asked for"):
        check_device(PIPELINES[pipeline], catalog(training="cuda"))


@pytest.mark.parametrize("pipeline", ["train", "compare"])
def test_one_of_several_equal_processes_is_refused_before_images_are_made(
    pipeline: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    with pytest.raises(ValueError, match="torchrun started 2 processes"):
        check_launcher(PIPELINES[pipeline], catalog())
    for name in ("tune", "evaluate"):
        check_launcher(PIPELINES[name], catalog())


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_cuda_graphs_on_a_cpu_are_refused_before_anything_runs(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    given = catalog()
    given["params:training"] = MemoryDataset(TrainingConfig(device=device, compile="cuda-graph"))
    with pytest.raises(ValueError, match="compile: cuda-graph needs a GPU, and the device is cpu"):
        check_device(PIPELINES["training"], given)
    check_device(PIPELINES["sampling"], given)
    given["params:training"] = MemoryDataset(TrainingConfig(device=device, compile="default"))
    monkeypatch.setenv("CXX", "none")
    with pytest.raises(ValueError, match="compile: default needs a compiler"):
        check_device(PIPELINES["training"], given)


def test_the_device_of_a_pipeline_that_does_not_run_is_no_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check_device(PIPELINES["sampling"], catalog(training="cuda"))


def test_pipelines_that_compute_are_those_with_a_device() -> None:
    from kedro.validation.type_extractor import TypeExtractor

    models = TypeExtractor(dict(PIPELINES)).extract_types_from_pipelines()
    assert {name for name, model in models.items() if "device" in model.model_fields} == COMPUTING


def test_a_source_without_a_place_is_told_before_anything_is_imported() -> None:
    catalog = DataCatalog({"params:acquisition": MemoryDataset({"source": "kaggle"})})
    with pytest.raises(ValueError, match=r"acquisition\.path is not set, and source 'kaggle'"):
        check_source(PIPELINES["train"], catalog)
    check_source(PIPELINES["training"], catalog)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("photso", "did you mean '{0}/photos'"),
        ("*.tar", "nothing matches"),
        ("x", "expected a fol"),
    ],
)
def test_a_source_that_is_not_there_is_told_with_the_nearest_name(
    tmp_path: Path, name: str, remedy: str
) -> None:
    (tmp_path / "photos").mkdir()
    acquisition = {"source": "folder", "path": str(tmp_path / "photos")}
    catalog = DataCatalog({"params:acquisition": MemoryDataset(acquisition)})
    check_source(PIPELINES["train"], catalog)
    catalog["params:acquisition"].save(acquisition | {"path": str(tmp_path / name)})
    with pytest.raises(FileNotFoundError, match=remedy.format(tmp_path)):
        check_source(PIPELINES["train"], catalog)


PATHS = [f"model.{network}.attention_resolutions" for network in ("generator", "discriminator")]
ATTENTION = {"attention": {"type": "categorical", "choices": [[8], [64]], "paths": PATHS}}


@pytest.mark.parametrize(
    ("study", "training", "said"),
    [
        ({"search_space": {"generator_lrr": STUDY["search_space"]["generator_lr"]}}, {}, "nearest"),
        ({"warm_starts": {"default": {}}}, {"generator_lr": 1.0}, "lies outside"),
        ({"storage": "redis://host"}, {}, "is not supported"),
        ({"training": {"model": {"generator": {"base_channels": 3}}}}, {}, "a multiple of 8"),
        ({"search_space": ATTENTION}, {}, "tuning.search_space.attention: [64]: model.generator"),
    ],
)
def test_a_study_that_could_not_begin_is_refused_before_its_images_are_made(
    study: dict, training: dict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    entries = {"params:tuning": STUDY | study, "params:training": TRAINING | training}
    entries["params:preprocessing"] = {"image_size": 16}
    catalog = DataCatalog({name: MemoryDataset(values) for name, values in entries.items()})
    with pytest.raises((ValueError, OSError)) as refused:
        check_study(PIPELINES["tune"], catalog)
    assert said.replace("nearest", "did you mean 'generator_lr'") in str(refused.value)
    check_study(PIPELINES["train"], catalog)  # is nothing to it


SMALL = {"base_channels": 8, "attention_resolutions": [8]}


def network_catalog(**models: dict) -> DataCatalog:
    entries = {
        "params:preprocessing": {"image_size": 16},
        "params:training": {"model": {"generator": SMALL, "discriminator": SMALL} | models},
        "params:comparison": {"variants": [{"name": "sagan"}]},
        "params:evaluation": {"weights": None},
    }
    return DataCatalog({name: MemoryDataset(values) for name, values in entries.items()})


def test_networks_that_cannot_be_built_are_refused_before_images_are_made() -> None:
    catalog = network_catalog(
        generator=SMALL | {"base_channels": 3}, discriminator=SMALL | {"attention_resolutions": [9]}
    )
    with pytest.raises(ValueError, match="2 wrong parameters for images of 16 px") as refused:
        check_networks(PIPELINES["train"], catalog)
    assert str(refused.value).split("\n")[1:] == [
        "  training.model.generator.base_channels: self-attention needs feature maps whose "
        "channels are a multiple of 8; there would be 6 at 8 px",
        "  training.model.discriminator.attention_resolutions: no feature map of [9] px; "
        "at this image size the discriminator has [8, 4]",
    ]
    with pytest.raises(ValueError, match=r"comparison\.variants:\n  sagan: model\.generator"):
        check_networks(PIPELINES["compare"], catalog)
    check_networks(PIPELINES["sampling"], catalog)  # builds none of them


def test_a_model_to_start_from_is_checked_before_images_are_made(tmp_path: Path) -> None:
    """By its name in the workspace too; in each study of what it trains."""
    model = small_bundle(tmp_path / "runs" / "model").path
    runs = {"type": "sagan.datasets.WorkspaceDataset", "filepath": str(tmp_path / "runs")}

    def begin(start_from: str, channels: int = 3, **generator: int) -> None:
        catalog = network_catalog(generator=SMALL | generator)
        images = {"image_size": 16, "channels": channels}
        catalog["params:preprocessing"] = MemoryDataset(images)
        training = catalog.load("params:training") | {"start_from": start_from}
        catalog["params:training"] = MemoryDataset(training)
        catalog["params:tuning"] = MemoryDataset(STUDY)
        catalog["checkpoints_workspace"] = AbstractDataset.from_config("runs", runs)
        check_start(PIPELINES["train"], catalog)
        training["start_from"] = str(tmp_path / "runs" / start_from)  # studies know paths only
        catalog["params:training"] = MemoryDataset(training)
        check_study(PIPELINES["tune"], catalog)
        check_networks(PIPELINES["compare"], catalog)

    begin("model")
    begin(str(model))
    with pytest.raises(FileNotFoundError, match="there is no path 'modle', nor a run"):
        begin("modle")
    with pytest.raises(ValueError, match=r"training\.start_from: model: no weights of the model"):
        begin("model", base_channels=16)
    with pytest.raises(
        ValueError, match=r"start_from: model: the model makes images of 3 channels"
    ):
        begin("model", channels=1)
    (model / "generator.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="was changed after it was written"):
        begin("model")


def test_frozen_blocks_that_are_not_there_are_refused_before_images_are_made() -> None:
    catalog = network_catalog()
    training = catalog.load("params:training") | {"freeze_discriminator_layers": 4}
    catalog["params:training"] = MemoryDataset(training)
    for pipeline in ("train", "compare"):
        with pytest.raises(ValueError, match="has 3 residual blocks"):
            check_networks(PIPELINES[pipeline], catalog)


def test_variants_without_the_average_to_be_measured_are_refused_as_early() -> None:
    catalog = network_catalog()
    check_networks(PIPELINES["compare"], catalog)
    catalog["params:evaluation"] = MemoryDataset({"weights": "ema"})
    with pytest.raises(ValueError, match=r"sagan: evaluation\.weights: ema was asked for"):
        check_networks(PIPELINES["compare"], catalog)


def test_the_size_is_that_of_the_shards_where_they_are_there(tmp_path: Path) -> None:
    """Whatever preprocessing would make of the parameters, were it run."""
    catalog = network_catalog(generator=SMALL | {"attention_resolutions": [32]})
    record = tmp_path / "image_shards.json"
    entry = {"type": "sagan.datasets.ShardStoreDataset", "filepath": str(record)}
    catalog["image_shards"] = AbstractDataset.from_config("image_shards", entry)
    check_networks(PIPELINES["training"], catalog)  # none are there yet, and loading them says so
    record.write_text('{"image_size": 64}')
    check_networks(PIPELINES["training"], catalog)
    record.write_text('{"image_size": 16}')
    with pytest.raises(ValueError, match="1 wrong parameter for images of 16 px"):
        check_networks(PIPELINES["training"], catalog)
    curves = PIPELINES["training"].only_nodes("training.tabulate_curves")
    check_networks(curves, catalog)  # looks at no image
    elsewhere = entry | {"address": "s3://bucket/shards/key"}
    catalog["image_shards"] = AbstractDataset.from_config("image_shards", elsewhere)
    check_networks(PIPELINES["training"], catalog)  # the file is of other shards


@pytest.mark.parametrize(
    ("weights", "training", "said"),
    [
        (
            "ema",
            {"ema_decay": None},
            "ema was asked for.*set training.ema_decay to train with averaged",
        ),
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
    reference = PIPELINES["evaluation"].only_nodes("evaluation.measure_reference")
    check_weights(reference, catalog)  # looks at no generator


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


@pytest.mark.parametrize("classes", [1, 2])
def test_a_classifiers_features_of_one_class_are_told_before_anything_runs(
    classes: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "image_shards.json"
    place.write_text(json.dumps({"path": "shards", "class_names": ["a", "b"][:classes]}))
    shards = {"type": "sagan.datasets.ShardStoreDataset", "filepath": str(place)}
    given = DataCatalog.from_config({"image_shards": shards})
    given["params:evaluation"] = MemoryDataset({"features": "classifier", "classifier": {}})
    check_features(PIPELINES["training"], given)  # a later evaluation would be refused
    assert ("classifier needs several classes" in caplog.text) == (classes == 1)
    check_features(PIPELINES["__default__"], given)  # makes other shards
    if classes == 1:
        with pytest.raises(ValueError, match="classifier needs several classes"):
            check_features(PIPELINES["evaluate"], given)
    else:
        check_features(PIPELINES["evaluate"], given)


def test_a_study_in_a_classifiers_features_of_one_class_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "image_shards.json"
    shards = {"type": "sagan.datasets.ShardStoreDataset", "filepath": str(place)}
    given = DataCatalog.from_config({"image_shards": shards})
    given["params:training"], given["params:tuning"] = (MemoryDataset(x) for x in (TRAINING, STUDY))

    def check(*classes: str) -> None:
        facts = {"path": "shards", "image_size": 16, "channels": 3, "class_names": classes}
        place.write_text(json.dumps(facts))
        check_study(PIPELINES["tuning"], given)

    check("a", "b")
    with pytest.raises(ValueError, match=r"in tuning\.evaluation.*tuning\.objectives.*fd_rotation"):
        check("a")
    rotation = {"features": "rotation", "classifier": {}}
    study = STUDY | {"evaluation": STUDY["evaluation"] | rotation, "objectives": ["fd_rotation"]}
    given["params:tuning"] = MemoryDataset(study)
    check("a")


def test_a_missing_file_of_an_earlier_pipeline_is_told_before_anything_runs(tmp_path: Path) -> None:
    def entry(name: str, **more: bool) -> dict[str, object]:
        path = str(tmp_path / f"{name}.json")
        return {"type": "sagan.datasets.JSONDataset", "filepath": path, **more}

    reporting = PIPELINES["reporting"]
    made = {name: entry(name) for name in reporting.inputs() if not name.startswith("params:")}
    for name in made:
        (tmp_path / f"{name}.json").write_text("{}")
    catalog = DataCatalog.from_config({**made, "metrics": entry("metrics", missing_is_none=True)})
    check_inputs(reporting, catalog)
    (tmp_path / "metrics.json").unlink()  # a report can do without
    check_inputs(reporting, catalog)
    (tmp_path / "training_journal.json").unlink()
    with pytest.raises(DatasetError, match=r"training_journal.json does not exist: the pipeline"):
        check_inputs(reporting, catalog)


def test_versions_of_what_was_made_without_them_are_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    def made(versioned: bool) -> DataCatalog:
        places = {
            "sample_grid": "sagan.datasets.PNGDataset",
            "samples": "json.JSONDataset",
            "generator_bundle": "sagan.datasets.GeneratorBundleDataset",
        }
        entries = {
            name: {"type": kind, "filepath": str(tmp_path / name), "versioned": versioned}
            for name, kind in places.items()
        }
        return DataCatalog.from_config(entries)

    check_versions(PIPELINES["sampling"], made(versioned=True))  # the first run of all
    (tmp_path / "sample_grid").touch()
    (tmp_path / "samples").touch()
    small_bundle(tmp_path / "generator_bundle")
    check_versions(PIPELINES["sampling"], made(versioned=False))
    with pytest.raises(ValueError, match=r"made before without versions") as refused:
        check_versions(PIPELINES["sampling"], made(versioned=True))
    for name in ("sample_grid", "samples", "generator_bundle"):
        assert f"{name}: {tmp_path / name}" in str(refused.value)
        (tmp_path / name).rename(tmp_path / "away")
        version = tmp_path / name / "2026-01-31T12.00.00.000Z"
        version.mkdir(parents=True)
        (tmp_path / "away").rename(version / name)  # as the message says
    check_versions(PIPELINES["sampling"], made(versioned=True))
    assert made(versioned=True).exists("generator_bundle")
