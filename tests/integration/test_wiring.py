"""The pipelines fit together: registry, catalog, parameters and their models."""

import ast
import json
from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.validation.type_extractor import TypeExtractor

import sagan.pipelines
from sagan.commands.run import DryRunner
from sagan.common.schema import Config
from sagan.hooks import ProjectHooks
from sagan.pipeline_registry import EXPORTS, PIPELINES, STUDIES, register_pipelines
from sagan.preflight.parameters import check_parameters
from sagan.sampling.config import SamplingConfig
from sagan.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
ENVIRONMENTS = sorted(path.name for path in CONF.iterdir() if path.is_dir())


def adopted(environment: str) -> bool:
    """Whether `sagan tune adopt` made it: it shares what it was tuned on."""
    path = CONF / environment / "parameters_training.yml"
    return path.is_file() and path.read_text().startswith("# study ")


WORKSPACES = {"raw_workspace", "shards_workspace", "checkpoints_workspace", "evaluation_workspace"}
WORKSPACES |= {"manifest_workspace", "pngs_workspace"}
SUITES = {"expectation_suites"}  # the user's own
STUDY_WORKSPACES = {"tuning_workspace", "comparison_workspace"}
EVERY_PIPELINE = [*PIPELINES, *EXPORTS, *STUDIES]
REGISTERED = register_pipelines()


def loader(environment: str) -> OmegaConfigLoader:
    return OmegaConfigLoader(CONF, env=environment, **CONFIG_LOADER_ARGS)


def test_registered_names_are_those_people_type() -> None:
    assert list(REGISTERED) == [
        "__default__",
        "train",
        "evaluate",
        *EVERY_PIPELINE,
        "tune",
        "compare",
        "complete",
    ]


def test_a_pipeline_that_kedro_created_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_alone").mkdir()
    code = "from kedro.pipeline import Pipeline\ndef create_pipeline(**_): return Pipeline([])\n"
    (tmp_path / "mine_alone" / "__init__.py").write_text(code)
    monkeypatch.setattr(sagan.pipelines, "__path__", [*sagan.pipelines.__path__, str(tmp_path)])
    assert set(register_pipelines()) - set(REGISTERED) == {"mine_alone"}


def test_every_node_has_its_pipelines_tag_and_one_of_a_few() -> None:
    groups = {"data", "model", "results", "study"}
    for name in EVERY_PIPELINE:
        for node in REGISTERED[name].nodes:
            assert node.tags - groups == {name}
            assert len(node.tags & groups) == 1


def test_composites_hold_the_pipelines_they_promise() -> None:
    def pipelines(name: str) -> set[str]:
        return {node.namespace for node in REGISTERED[name].nodes}

    order = list(PIPELINES)
    assert pipelines("__default__") == set(order)
    assert pipelines("train") == set(order[:5])
    assert pipelines("evaluate") == set(order[4:])
    assert pipelines("tune") == {*order[:3], "tuning"}
    assert pipelines("compare") == {*order[:3], "comparison"}


@pytest.mark.parametrize("pipeline", EVERY_PIPELINE)
def test_a_pipeline_is_one_name_everywhere(pipeline: str) -> None:
    assert (ROOT / "src" / "sagan" / "pipelines" / pipeline).is_dir()
    assert {node.namespace for node in REGISTERED[pipeline].nodes} == {pipeline}
    parameters = yaml.safe_load((CONF / "base" / f"parameters_{pipeline}.yml").read_text())
    assert list(parameters) == [pipeline]
    assert f"params:{pipeline}" in REGISTERED[pipeline].inputs()
    catalog = yaml.safe_load((CONF / "base" / f"catalog_{pipeline}.yml").read_text())
    assert REGISTERED[pipeline].all_outputs() <= set(catalog)


def test_only_workspaces_and_expectations_come_from_nowhere() -> None:
    def free(pipeline: str) -> set[str]:
        return {name for name in REGISTERED[pipeline].inputs() if not name.startswith("param")}

    assert free("__default__") == WORKSPACES | SUITES
    assert free("tune") <= WORKSPACES | STUDY_WORKSPACES | SUITES


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_catalog_and_pipelines_name_the_same_artefacts(environment: str) -> None:
    config = loader(environment)["catalog"]
    everything = set().union(*(pipeline.datasets() for pipeline in REGISTERED.values()))
    assert {name for name in everything if not name.startswith("param")} == set(config)
    for entry in config.values():
        assert entry["metadata"]["kedro-viz"]["layer"]
    catalog = DataCatalog.from_config(config)
    for name in config:
        catalog.get(name)  # every type exists and takes its arguments


LAYERS = ["raw", "intermediate", "primary", "model_input", "models", "model_output", "reporting"]


def test_layers_go_one_way() -> None:
    """Kedro-Viz drops all layers when one node goes back up."""
    config = loader("base")["catalog"]

    def layers(names: set[str]) -> list[int]:
        entries = [config[name] for name in names if not name.startswith("param")]
        return [LAYERS.index(entry["metadata"]["kedro-viz"]["layer"]) for entry in entries]

    for node in {node for pipeline in REGISTERED.values() for node in pipeline.nodes}:
        last = len(LAYERS)  # of a node that only writes into a workspace
        lowest = min(layers(set(node.outputs)), default=last)
        assert max(layers(set(node.inputs)), default=0) <= lowest, node.name


def test_report_can_go_without_metrics() -> None:
    assert loader("base")["catalog"]["metrics"].get("missing_is_none") is True


@pytest.mark.parametrize("environment", [env for env in ENVIRONMENTS if not adopted(env)])
def test_environments_keep_their_data_apart(environment: str) -> None:
    root = loader(environment)["globals"]["data_root"]
    expected = "data" if environment in {"base", "local"} else f"data/{environment}"
    assert root == expected


def test_every_parameter_input_resolves_to_a_model_that_refuses_the_unknown() -> None:
    models = TypeExtractor(REGISTERED).extract_types_from_pipelines()
    asked = {name for p in REGISTERED.values() for name in p.inputs() if name.startswith("params:")}
    assert {f"params:{name}" for name in models} == asked
    for model in models.values():
        assert issubclass(model, Config)


@pytest.mark.parametrize("pipeline", EVERY_PIPELINE)
def test_every_node_taking_parameters_is_typed_for_itself(pipeline: str) -> None:
    """One node whose hints Kedro cannot resolve would get plain mappings when run alone."""
    for node in REGISTERED[pipeline].nodes:
        if any(name.startswith("params:") for name in node.inputs):
            alone = {"alone": REGISTERED[pipeline].only_nodes(node.name)}
            known = set(TypeExtractor(alone).extract_types_from_pipelines())
            asked = {name.removeprefix("params:") for name in node.inputs if ":" in name}
            assert pipeline in known == asked, node.name


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameters_of_every_environment_fit_their_models(environment: str) -> None:
    check_parameters(loader(environment)["parameters"], REGISTERED)


def test_plugins_see_plain_values_and_nodes_get_their_models() -> None:
    """In place too: kedro-dagster takes nothing that a hook returns."""
    model = SamplingConfig(seed=3)
    catalog = DataCatalog(
        {
            "params:sampling": MemoryDataset(model),
            "parameters": MemoryDataset({"sampling": model, "mine": 1}),
        }
    )
    hooks = ProjectHooks()
    hooks.after_catalog_created(catalog, {}, {})
    plain = catalog.load("params:sampling")
    assert plain == model.model_dump(mode="json")
    assert catalog.load("parameters") == {"sampling": plain, "mine": 1}

    (node,) = (node for node in REGISTERED["sampling"].nodes if "draw_samples" in node.name)
    inputs = {"params:sampling": plain}
    assert hooks.before_node_run(node, inputs) == inputs == {"params:sampling": model}


def test_commands_on_every_page_are_of_its_environment() -> None:
    pages = {
        name
        for name, entry in loader("base")["catalog"].items()
        if entry.get("filepath", "").endswith(".html")
    }
    hooks = ProjectHooks()
    hooks.before_pipeline_run({"env": "mine"}, Pipeline([]), DataCatalog())
    outputs: dict[str, object] = dict.fromkeys(pages, "kedro explore") | {"metrics": {}}
    hooks.after_node_run(outputs)
    assert outputs == dict.fromkeys(pages, "kedro explore --env=mine") | {"metrics": {}}
    assert len(pages) == 4


def test_nodes_that_only_missing_outputs_leaves_out_are_neither_checked_nor_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    pipeline = REGISTERED["__default__"]
    artefacts = {name for name in pipeline.datasets() if not name.startswith("param")}
    entry = {"type": "sagan.datasets.TextDataset"}
    catalog = DataCatalog.from_config(
        {name: entry | {"filepath": str(tmp_path / name)} for name in artefacts}
    )
    for name in artefacts - {"report"}:
        (tmp_path / name).touch()
    parameters = loader("my_images")["parameters"]
    for name, values in parameters.items():
        catalog[f"params:{name}"] = values
    hooks = ProjectHooks()
    with pytest.raises(ValueError, match=r"acquisition\.path is not set"):
        hooks.before_pipeline_run({}, pipeline, catalog)

    hooks.before_pipeline_run({"only_missing_outputs": True}, pipeline, catalog)
    caplog.set_level("INFO", "sagan")
    (node,) = (node for node in pipeline.nodes if node.name == "reporting.write_report")
    hooks.before_node_run(node, {"params:reporting": parameters["reporting"]})
    assert "[1/1] reporting.write_report" in caplog.messages

    with pytest.raises(SystemExit):
        DryRunner().run(pipeline, catalog, only_missing_outputs=True)
    assert capsys.readouterr().out.endswith("nodes:\n  reporting.write_report\n")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameters_as_plain_values_make_the_same_models(environment: str) -> None:
    """Plugins see plain values, and nodes the models that are made of them."""
    parameters = loader(environment)["parameters"]
    for name, model in TypeExtractor(REGISTERED).extract_types_from_pipelines().items():
        made = model.model_validate(parameters[name])
        plain = json.loads(json.dumps(made.model_dump(mode="json")))
        assert model.model_validate(plain) == made


@pytest.mark.parametrize("path", sorted(CONF.rglob("parameters*.yml")), ids=lambda p: p.stem)
def test_parameter_files_are_literal(path: Path) -> None:
    """DVC reads them with its own interpolation, and stumbles over Kedro's."""
    assert "${" not in path.read_text()


HEAVY = {
    *("torch", "torchvision", "great_expectations", "optuna", "sklearn", "pytorch_fid"),
    *("matplotlib", "plotly"),
}


SRC = ROOT / "src" / "sagan"
LIGHT = [*SRC.glob("pipelines/**/*.py"), *SRC.glob("datasets/*.py"), *SRC.glob("**/config.py")]


@pytest.mark.parametrize("path", sorted(LIGHT), ids=lambda path: "/".join(path.parts[-2:]))
def test_heavy_libraries_are_imported_inside_functions(path: Path) -> None:
    for statement in ast.parse(path.read_text()).body:
        names = [alias.name for alias in getattr(statement, "names", [])]
        if isinstance(statement, ast.ImportFrom) and statement.module:
            names = [statement.module]
        assert not {name.split(".")[0] for name in names} & HEAVY
