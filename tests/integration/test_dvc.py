"""DVC's stages are the registered stations, with all that they read and leave, and they run."""

import json
import shutil
from pathlib import Path

import grimp
import pytest
import yaml
from kedro.config import OmegaConfigLoader

from sagan.pipeline_registry import STATIONS, register_pipelines
from sagan.settings import CONFIG_LOADER_ARGS
from tests.integration.conftest import command_in

ROOT = Path(__file__).parents[2]
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
GRAPH = grimp.build_graph("sagan", cache_dir=None)  # who imports whom, inside functions as well
PIPELINES = register_pipelines()
CATALOG = OmegaConfigLoader(ROOT / "conf", env="base", **CONFIG_LOADER_ARGS)["catalog"]
# what a handle's JSON points at goes with it
FOLDERS = {
    "data/01_raw/image_folder.json": "data/01_raw/digits",
    "data/05_model_input/image_shards.json": "data/05_model_input/shards",
}


def paths(names: set[str]) -> set[str]:
    """The files of catalog entries; workspaces are no artefacts."""
    files = {
        CATALOG[name]["filepath"]
        for name in names
        if not name.startswith("param") and not name.endswith("_workspace")
    }
    return files | {folder for file, folder in FOLDERS.items() if file in files}


def listed(stage: str, *keys: str) -> list[str]:
    return [entry for key in keys for entry in STAGES[stage].get(key, [])]


def test_stages_are_the_stations_in_order() -> None:
    assert list(STAGES) == list(STATIONS)


@pytest.mark.parametrize("station", STATIONS)
def test_stage_runs_its_station_on_tracked_configuration_alone(station: str) -> None:
    assert STAGES[station]["cmd"] == f"kedro run --pipeline={station} --env=base"


@pytest.mark.parametrize("station", STATIONS)
def test_outs_are_what_the_station_leaves(station: str) -> None:
    outs = listed(station, "outs", "metrics", "plots")
    assert all(isinstance(out, str) for out in outs)
    assert set(outs) == paths(PIPELINES[station].all_outputs())
    assert len(outs) == len(set(outs))


@pytest.mark.parametrize("station", STATIONS)
def test_data_deps_are_what_the_station_reads(station: str) -> None:
    deps = {dep for dep in listed(station, "deps") if dep.startswith("data/")}
    assert deps == paths(PIPELINES[station].inputs())


@pytest.mark.parametrize("station", STATIONS)
def test_code_deps_cover_every_module_the_station_imports(station: str) -> None:
    deps = [dep for dep in listed(station, "deps") if dep.startswith("src/")]
    assert all((ROOT / dep).exists() for dep in deps)
    modules = GRAPH.find_upstream_modules(f"sagan.pipelines.{station}", as_package=True)
    uncovered = []
    for module in modules - {"sagan"}:
        place = "src/" + module.replace(".", "/")
        if not any(f"{place}.py" == dep or f"{place}/".startswith(f"{dep}/") for dep in deps):
            uncovered.append(module)
    assert uncovered == []


@pytest.mark.parametrize("station", STATIONS)
def test_parameters_are_tracked(station: str) -> None:
    params = {}
    for entry in STAGES[station]["params"]:
        params |= entry
    asked = STATIONS if station == "reporting" else [station]  # the page shows them all
    assert params == {f"conf/base/parameters_{name}.yml": [name] for name in asked}


def test_working_checkpoints_are_no_out() -> None:
    outs = {out for stage in STAGES for out in listed(stage, "outs", "metrics", "plots")}
    workspace = CATALOG["checkpoints_workspace"]["filepath"]
    assert not any(workspace.startswith(out) or out.startswith(workspace) for out in outs)


def test_compiled_code_changes_no_stage_and_nothing_is_reported_home() -> None:
    assert "__pycache__/" in (ROOT / ".dvcignore").read_text().splitlines()
    assert "analytics = false" in (ROOT / ".dvc" / "config").read_text()
    assert "consent: false" in (ROOT / ".telemetry").read_text()


def test_second_repro_does_nothing(finished_project: Path) -> None:
    done = command_in(finished_project)("dvc", "repro")
    assert done.returncode == 0
    assert "Running stage" not in done.stdout
    assert "Data and pipelines are up to date." in done.stdout


def test_changed_parameter_changes_its_stage_alone(finished_project: Path) -> None:
    run = command_in(finished_project)
    path = finished_project / "conf" / "base" / "parameters_training.yml"
    before = path.read_text()
    path.write_text(before.replace("batch_size: 32", "batch_size: 16"))
    try:
        status = json.loads(run("dvc", "status", "--json").stdout)
    finally:
        path.write_text(before)
    # the page shows all parameters, so it is written anew as well
    assert set(status) == {"training", "reporting"}


def test_metrics_plots_and_graph_are_shown(finished_project: Path) -> None:
    run = command_in(finished_project)
    metrics = json.loads(run("dvc", "metrics", "show", "--json").stdout)
    shown = metrics[""]["data"]
    numbers = shown["data/08_reporting/scores.json"]["data"]
    assert numbers["recognised"] >= 0
    assert numbers["images_seen"] == 256
    plots = run("dvc", "plots", "show")
    assert plots.returncode == 0, plots.stderr
    page = (finished_project / "dvc_plots" / "index.html").read_text()
    assert "Hinge losses" in page
    assert "sample_grid.png" in page
    graph = run("dvc", "dag", "--mermaid").stdout
    assert all(f'["{station}"]' in graph for station in STATIONS)


def test_local_folder_works_as_a_remote(finished_project: Path, tmp_path: Path) -> None:
    run = command_in(finished_project)
    remote = ("--local", "--default", "--force", "store", str(tmp_path / "store"))
    assert run("dvc", "remote", "add", *remote).returncode == 0
    assert run("dvc", "push").returncode == 0
    grid = finished_project / "data" / "08_reporting" / "sample_grid.png"
    before = grid.read_bytes()
    grid.unlink()
    shutil.rmtree(finished_project / ".dvc" / "cache")
    pulled = run("dvc", "pull")
    assert pulled.returncode == 0, pulled.stderr
    assert grid.read_bytes() == before
