"""DVC's stages are the registered pipelines, with their inputs and outputs, in any environment."""

from functools import cache
from pathlib import Path
from types import SimpleNamespace

import grimp
import pytest
import yaml
from dvc.fs import LocalFileSystem
from dvc.parsing import DataResolver
from kedro.config import OmegaConfigLoader

from sagan.pipeline_registry import EXPORTS, PIPELINES, STUDIES, register_pipelines
from sagan.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
EVERY_PIPELINE = [*PIPELINES, *EXPORTS, *STUDIES]
FILE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STUDY_FILE = yaml.safe_load((ROOT / "studies" / "dvc.yaml").read_text())
# who imports whom, inside functions as well; what is imported for its type alone computes nothing
GRAPH = grimp.build_graph("sagan", cache_dir=None, exclude_type_checking_imports=True)
REGISTERED = register_pipelines()
SUITES = "expectation_suites"  # configuration, not data
# pipelines that need a passed validation; of its report DVC tracks two keys for them
NEEDS_VALIDATION = {"preprocessing", "training", "tuning", "comparison"}
VALIDATION_RESULT = ["passed", "data_hash"]
ENVIRONMENTS = sorted(path.parent.name for path in CONF.glob("*/globals.yml"))
# what a handle's JSON points at goes with it
WITH_FOLDER = {
    "01_raw/images/image_folder.json": ["01_raw/images"],
    "05_model_input/image_shards.json": [
        "05_model_input/image_shards.json",
        "05_model_input/shards",
    ],
}


@cache
def configured(environment: str, kind: str) -> dict:
    """The globals or the catalog; nobody changes them."""
    return OmegaConfigLoader(CONF, env=environment, **CONFIG_LOADER_ARGS)[kind]


def stages_of(environment: str) -> dict[str, dict]:
    """DVC's stages of both files with this environment listed, by pipeline."""
    data = configured(environment, "globals")["data_root"]
    listed = {"data": data, "source": "images", "raw": f"{data}/01_raw/images"}
    if environment in FILE["vars"][0]["environments"]:
        listed = FILE["vars"][0]["environments"][environment]
    stages = resolved(FILE | {"vars": [{"environments": {environment: listed}}]}, ".")
    studies = [{study: {environment: data}} for study in STUDIES]
    stages |= resolved(STUDY_FILE | {"vars": studies}, "studies")
    assert all(name.endswith(f"@{environment}") for name in stages)
    return {name.removesuffix(f"@{environment}"): stage for name, stage in stages.items()}


def resolved(content: dict, folder: str) -> dict[str, dict]:
    repository = SimpleNamespace(fs=LocalFileSystem(), config={})
    return DataResolver(repository, folder, content).resolve()["stages"]


STAGES = {environment: stages_of(environment) for environment in ENVIRONMENTS}
BASE = STAGES["base"]
EACH_STAGE = [
    (environment, pipeline) for environment in ENVIRONMENTS for pipeline in EVERY_PIPELINE
]


def artefacts(names: set[str], environment: str) -> set[str]:
    """The files of catalog entries, and the folders that go with them; workspaces are none."""
    root = configured(environment, "globals")["data_root"]
    catalog = configured(environment, "catalog")
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
    assert list(FILE["vars"][0]["environments"]) == ["base"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_stages_are_the_pipelines_in_order(environment: str) -> None:
    assert list(STAGES[environment]) == list(EVERY_PIPELINE)


def test_studies_are_apart_and_none_is_listed() -> None:
    """Plain `dvc repro` must start no half hour of trials, and `dvc pull` miss no output."""
    assert list(FILE["stages"]) == [*PIPELINES, *EXPORTS]
    assert list(STUDY_FILE["stages"]) == list(STUDIES)
    assert STUDY_FILE["vars"] == [{study: {}} for study in STUDIES]
    assert all(stage["do"]["wdir"] == ".." for stage in STUDY_FILE["stages"].values())


@pytest.mark.parametrize(("environment", "pipeline"), EACH_STAGE)
def test_stage_runs_its_pipeline_on_tracked_configuration_alone(
    environment: str, pipeline: str
) -> None:
    command = STAGES[environment][pipeline]["cmd"]
    more = " --params=tuning.when_changed=afresh" if pipeline == "tuning" else ""
    assert command == f"kedro run --pipeline={pipeline} --env={environment}{more}"


@pytest.mark.parametrize(("environment", "pipeline"), EACH_STAGE)
def test_outs_are_what_the_pipeline_leaves(environment: str, pipeline: str) -> None:
    outs = listed(STAGES[environment][pipeline], "outs", "metrics", "plots")
    assert set(outs) == artefacts(REGISTERED[pipeline].all_outputs(), environment)
    assert len(outs) == len(set(outs))


@pytest.mark.parametrize(("environment", "pipeline"), EACH_STAGE)
def test_data_deps_are_what_the_pipeline_reads(environment: str, pipeline: str) -> None:
    deps = {dep for dep in listed(STAGES[environment][pipeline], "deps") if dep.startswith("data/")}
    report = artefacts({"validation_report"} & REGISTERED[pipeline].inputs(), environment)
    if pipeline in NEEDS_VALIDATION:
        deps |= report  # see below
    assert deps == artefacts(REGISTERED[pipeline].inputs(), environment)


def test_the_suites_are_watched() -> None:
    path = configured("base", "catalog")[SUITES]["filepath"]
    assert path in listed(BASE["data_validation"], "deps")


@pytest.mark.parametrize(("environment", "pipeline"), EACH_STAGE)
def test_another_threshold_with_the_same_result_redoes_nothing(
    environment: str, pipeline: str
) -> None:
    """Shards and weights depend on whether these images were found fit, not on how narrowly."""
    (report,) = artefacts({"validation_report"}, environment)
    tracked = {k: v for entry in STAGES[environment][pipeline]["params"] for k, v in entry.items()}
    expected = VALIDATION_RESULT if pipeline in NEEDS_VALIDATION else None
    assert tracked.get(report) == expected


@pytest.mark.parametrize("pipeline", ["acquisition", "data_validation", "preprocessing"])
def test_pipelines_that_read_the_images_watch_what_they_come_from(pipeline: str) -> None:
    assert "images" in listed(STAGES["imagenet128"][pipeline], "deps")
    assert "requirements.lock" in listed(BASE[pipeline], "deps")  # the digits are scikit-learn's


@pytest.mark.parametrize("pipeline", EVERY_PIPELINE)
def test_code_deps_cover_every_module_the_pipeline_imports(pipeline: str) -> None:
    deps = [dep for dep in listed(BASE[pipeline], "deps") if dep.startswith("src/")]
    assert all((ROOT / dep).exists() for dep in deps)
    modules = GRAPH.find_upstream_modules(f"sagan.pipelines.{pipeline}", as_package=True)
    uncovered = []
    for module in modules - {"sagan", "sagan.pipelines.types"}:
        place = "src/" + module.replace(".", "/")
        if not any(f"{place}.py" == dep or f"{place}/".startswith(f"{dep}/") for dep in deps):
            uncovered.append(module)
    assert uncovered == []


@pytest.mark.parametrize(("environment", "pipeline"), EACH_STAGE)
def test_parameters_are_tracked_in_both_layers(environment: str, pipeline: str) -> None:
    """An environment is laid over base: what either file says decides."""
    tracked = [tuple(*entry.items()) for entry in STAGES[environment][pipeline]["params"]]
    asked = {name.removeprefix("params:") for name in REGISTERED[pipeline].inputs()}
    asked = (
        PIPELINES if pipeline == "reporting" else asked & set(EVERY_PIPELINE)
    )  # the page shows them all
    assert {(file, *keys) for file, keys in tracked if file.startswith("conf/")} == {
        (f"conf/{layer}/parameters_{name}.yml", name)
        for name in asked
        for layer in ("base", environment)
    }


@pytest.mark.parametrize(("environment", "pipeline"), EACH_STAGE)
def test_every_environment_has_the_file_that_dvc_tracks(environment: str, pipeline: str) -> None:
    """Where nothing differs from base: `<pipeline>: {}`."""
    content = yaml.safe_load((CONF / environment / f"parameters_{pipeline}.yml").read_text())
    assert list(content) == [pipeline]


@pytest.mark.parametrize("name", ["checkpoints", "tuning", "comparison"])
def test_what_a_pipeline_works_in_is_no_out(name: str) -> None:
    """DVC would delete it before it goes on with what was interrupted."""
    outs = {out for stage in BASE.values() for out in listed(stage, "outs", "metrics", "plots")}
    workspace = configured("base", "catalog")[f"{name}_workspace"]["filepath"]
    assert not any(workspace.startswith(out) or out.startswith(workspace) for out in outs)


def test_compiled_code_changes_no_stage_and_nothing_is_reported_home() -> None:
    assert "__pycache__/" in (ROOT / ".dvcignore").read_text().splitlines()
    assert "analytics = false" in (ROOT / ".dvc" / "config").read_text()
    assert "consent: false" in (ROOT / ".telemetry").read_text()
