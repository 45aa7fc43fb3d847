"""DVC's stages are the registered stations, with all that they read and leave, for any preset."""

from pathlib import Path
from types import SimpleNamespace

import grimp
import pytest
import yaml
from dvc.fs import LocalFileSystem
from dvc.parsing import DataResolver
from kedro.config import OmegaConfigLoader

from sagan.pipeline_registry import OUTLETS, STUDIES, register_pipelines
from sagan.pipeline_registry import STATIONS as STREAM
from sagan.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
STATIONS = [*STREAM, *OUTLETS, *STUDIES]
FILE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STUDY_FILE = yaml.safe_load((ROOT / "studies" / "dvc.yaml").read_text())
GRAPH = grimp.build_graph("sagan", cache_dir=None)  # who imports whom, inside functions as well
PIPELINES = register_pipelines()
SUITES = "expectation_suites"  # configuration, not data
# who goes on only with validation's verdict; of the report DVC watches these two keys for them
BOUND_TO_THE_VERDICT = {"preprocessing", "training", *STUDIES}
VERDICT = ["passed", "data_hash"]
PRESETS = sorted(path.parent.name for path in CONF.glob("*/globals.yml"))
# what a handle's JSON points at goes with it
WITH_FOLDER = {
    "01_raw/images/image_folder.json": ["01_raw/images"],
    "05_model_input/image_shards.json": [
        "05_model_input/image_shards.json",
        "05_model_input/shards",
    ],
}


def loader(preset: str) -> OmegaConfigLoader:
    return OmegaConfigLoader(CONF, env=preset, **CONFIG_LOADER_ARGS)


def stages_of(preset: str) -> dict[str, dict]:
    """The stages that DVC itself makes of both files where this preset is listed, by station."""
    data = loader(preset)["globals"]["data_root"]
    listed = {"data": data, "source": "images", "raw": f"{data}/01_raw/images"}
    if preset in FILE["vars"][0]["presets"]:
        listed = FILE["vars"][0]["presets"][preset]
    stages = resolved(FILE | {"vars": [{"presets": {preset: listed}}]}, ".")
    studies = [{study: {preset: data}} for study in STUDIES]
    stages |= resolved(STUDY_FILE | {"vars": studies}, "studies")
    assert all(name.endswith(f"@{preset}") for name in stages)
    return {name.removesuffix(f"@{preset}"): stage for name, stage in stages.items()}


def resolved(content: dict, folder: str) -> dict[str, dict]:
    repository = SimpleNamespace(fs=LocalFileSystem(), config={})
    return DataResolver(repository, folder, content).resolve()["stages"]


STAGES = {preset: stages_of(preset) for preset in PRESETS}
BASE = STAGES["base"]
EACH_STAGE = [(preset, station) for preset in PRESETS for station in STATIONS]


def artefacts(names: set[str], preset: str) -> set[str]:
    """The files of catalog entries, and the folders that go with them; workspaces are none."""
    root = loader(preset)["globals"]["data_root"]
    catalog = loader(preset)["catalog"]
    files = [
        Path(catalog[name]["filepath"]).relative_to(root).as_posix()
        for name in names
        if name != SUITES and not name.startswith("param") and not name.endswith("_workspace")
    ]
    return {f"{root}/{path}" for file in files for path in WITH_FOLDER.get(file, [file])}


def listed(stage: dict, *keys: str) -> list[str]:
    entries = [entry for key in keys for entry in stage.get(key, [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def test_dvc_follows_the_embedded_default_alone() -> None:
    assert list(FILE["vars"][0]["presets"]) == ["base"]


@pytest.mark.parametrize("preset", PRESETS)
def test_stages_are_the_stations_in_order(preset: str) -> None:
    assert list(STAGES[preset]) == list(STATIONS)


def test_studies_are_apart_and_none_is_listed() -> None:
    """Plain `dvc repro` must start no half hour of trials, and `dvc pull` miss no output."""
    assert list(FILE["stages"]) == [*STREAM, *OUTLETS]
    assert list(STUDY_FILE["stages"]) == list(STUDIES)
    assert STUDY_FILE["vars"] == [{study: {}} for study in STUDIES]
    assert all(stage["do"]["wdir"] == ".." for stage in STUDY_FILE["stages"].values())


@pytest.mark.parametrize(("preset", "station"), EACH_STAGE)
def test_stage_runs_its_station_on_tracked_configuration_alone(preset: str, station: str) -> None:
    command = STAGES[preset][station]["cmd"]
    more = " --params=tuning.when_changed=afresh" if station == "tuning" else ""
    assert command == f"kedro run --pipeline={station} --env={preset}{more}"


@pytest.mark.parametrize(("preset", "station"), EACH_STAGE)
def test_outs_are_what_the_station_leaves(preset: str, station: str) -> None:
    outs = listed(STAGES[preset][station], "outs", "metrics", "plots")
    assert set(outs) == artefacts(PIPELINES[station].all_outputs(), preset)
    assert len(outs) == len(set(outs))


@pytest.mark.parametrize(("preset", "station"), EACH_STAGE)
def test_data_deps_are_what_the_station_reads(preset: str, station: str) -> None:
    deps = {dep for dep in listed(STAGES[preset][station], "deps") if dep.startswith("data/")}
    verdict = artefacts({"validation_report"} & PIPELINES[station].inputs(), preset)
    if station in BOUND_TO_THE_VERDICT:
        deps |= verdict  # see below
    assert deps == artefacts(PIPELINES[station].inputs(), preset)


def test_the_suites_are_watched() -> None:
    path = loader("base")["catalog"][SUITES]["filepath"]
    assert path in listed(BASE["data_validation"], "deps")


@pytest.mark.parametrize(("preset", "station"), EACH_STAGE)
def test_another_threshold_with_the_same_verdict_redoes_nothing(preset: str, station: str) -> None:
    """Shards and weights depend on whether these images were found fit, not on how narrowly."""
    (report,) = artefacts({"validation_report"}, preset)
    tracked = {k: v for entry in STAGES[preset][station]["params"] for k, v in entry.items()}
    expected = VERDICT if station in BOUND_TO_THE_VERDICT else None
    assert tracked.get(report) == expected


@pytest.mark.parametrize("station", ["acquisition", "data_validation", "preprocessing"])
def test_stations_that_read_the_images_watch_what_they_come_from(station: str) -> None:
    assert "images" in listed(STAGES["imagenet128"][station], "deps")
    assert "requirements.lock" in listed(BASE[station], "deps")  # the digits are scikit-learn's


@pytest.mark.parametrize("station", STATIONS)
def test_code_deps_cover_every_module_the_station_imports(station: str) -> None:
    deps = [dep for dep in listed(BASE[station], "deps") if dep.startswith("src/")]
    assert all((ROOT / dep).exists() for dep in deps)
    modules = GRAPH.find_upstream_modules(f"sagan.pipelines.{station}", as_package=True)
    uncovered = []
    for module in modules - {
        "sagan",
        "sagan.common.terminal",
    }:  # how lines are broken changes no artefact
        place = "src/" + module.replace(".", "/")
        if not any(f"{place}.py" == dep or f"{place}/".startswith(f"{dep}/") for dep in deps):
            uncovered.append(module)
    assert uncovered == []


@pytest.mark.parametrize(("preset", "station"), EACH_STAGE)
def test_parameters_are_tracked_in_both_layers(preset: str, station: str) -> None:
    """An environment is laid over base: what either file says decides."""
    tracked = [tuple(*entry.items()) for entry in STAGES[preset][station]["params"]]
    asked = {name.removeprefix("params:") for name in PIPELINES[station].inputs()}
    asked = STREAM if station == "reporting" else asked & set(STATIONS)  # the page shows them all
    assert {(file, *keys) for file, keys in tracked if file.startswith("conf/")} == {
        (f"conf/{layer}/parameters_{name}.yml", name)
        for name in asked
        for layer in ("base", preset)
    }


@pytest.mark.parametrize(("preset", "station"), EACH_STAGE)
def test_every_preset_has_the_file_that_dvc_tracks(preset: str, station: str) -> None:
    """Where nothing differs from base: `<station>: {}`."""
    content = yaml.safe_load((CONF / preset / f"parameters_{station}.yml").read_text())
    assert list(content) == [station]


@pytest.mark.parametrize("name", ["checkpoints", "tuning", "comparison"])
def test_what_a_station_works_in_is_no_out(name: str) -> None:
    """DVC would delete it before it goes on with what was interrupted."""
    outs = {out for stage in BASE.values() for out in listed(stage, "outs", "metrics", "plots")}
    workspace = loader("base")["catalog"][f"{name}_workspace"]["filepath"]
    assert not any(workspace.startswith(out) or out.startswith(workspace) for out in outs)


def test_compiled_code_changes_no_stage_and_nothing_is_reported_home() -> None:
    assert "__pycache__/" in (ROOT / ".dvcignore").read_text().splitlines()
    assert "analytics = false" in (ROOT / ".dvc" / "config").read_text()
    assert "consent: false" in (ROOT / ".telemetry").read_text()
