"""Kedro hooks: preflight checks before a run, log lines while it goes, and trackers after it."""

import logging
import re
import shlex
import sys
from html import escape
from pathlib import Path
from time import monotonic
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.validation.type_extractor import TypeExtractor
from pydantic import BaseModel

from sagan.common.terminal import in_environment, own_program
from sagan.datasets.base import FileDataset, location, unwrapped
from sagan.metrics.named_protocols import refuse_set_by_quick
from sagan.preflight.catalog import check_catalog, check_load_versions
from sagan.preflight.parameters import check_environment, check_parameters
from sagan.preflight.pipeline import CHECKS, check_inputs, without_finished
from sagan.training.config.recipes import refuse_replaced

logger = logging.getLogger(__name__)


# what is named at the end of a run that made it
_SHOWN = (
    "data_docs",
    "sample_grid",
    "attention_maps",
    "metrics",
    "report",
    "best_parameters",
    "tuning_report",
    "comparison_report",
    "comparison_samples",
    "shared_generator",
    "completion_sheet",
)


# pages that name commands, which are of the environment that a page was written in
_PAGES = ("data_docs", "report", "tuning_report", "comparison_report")
# the last of these that a run made decides which command is named at its end; {dataset}: its place
_TRAIN = "kedro run --pipeline=train"  # which needs the parameters of this run again
_EXPLORE, _ADOPT = "kedro explore", "sagan tune adopt"
_EVALUATE, _REPORT = "kedro run --pipeline=evaluate", "kedro run --pipeline=reporting"
_NEXT = {
    "validation_report": _TRAIN,
    "sample_grid": _EVALUATE,
    "report": "kedro run --pipeline=export",
    "shared_generator": "sagan sample {shared_generator} --out pictures",
    "completion_sheet": _EXPLORE,
    "comparison_report": "sagan compare publish {comparison_rows} "
    "--runs {comparison_workspace}/runs --out published",
    "best_parameters": _ADOPT,
}
# what trackers get
_PICTURES = ("sample_grid", "attention_maps")
_SENT = {"generator_bundle", "metrics", *_PICTURES}


def _words(given: dict[str, Any]) -> str:
    """Parameters as the command line has them, `...` where one would need quotes."""
    named = {
        f"{namespace}.{name}": value
        for namespace, values in given.items()
        for name, value in (values.items() if isinstance(values, dict) else ())
    }
    words = [f"{name}={value}" for name, value in named.items()]
    return ",".join(words) if all(re.fullmatch(r"[\w./@:+=-]+", word) for word in words) else "..."


def _next_command(
    run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
) -> str | None:
    """The command that goes on from what a run made; None: none, or what it reads is in memory."""
    made = [command for name, command in _NEXT.items() if name in pipeline.all_outputs()]
    if not made:
        return None
    command, env = made[-1], run_params.get("env")
    env = None if env == "base" else env  # as DVC's stages name it
    if command == _EVALUATE and _is_measured(catalog):  # perhaps with other parameters than now
        command = _REPORT
    words = [f"--env={env}"] if env and command.startswith("kedro") else []
    if command == _ADOPT and env:
        words = [f"--env {env} --as {env}_tuned"]
    if ours := own_program():  # perhaps where the wheel is installed, without a project
        if command == _EXPLORE:
            command, words = "sagan explore {generator_bundle}", []
        elif command.startswith("kedro"):
            words += [word for word in sys.argv if word.startswith("--conf-source=")]
        command = " ".join([ours, command.partition(" ")[2]])
    if made[-1] == _TRAIN and (given := run_params.get("runtime_params")):
        words.append(f"--params={_words(given)}")
    places = {name: location(catalog.get(name)) for name in re.findall(r"{(\w+)}", command)}
    if None in places.values():
        return None
    quoted = {name: shlex.quote(str(place)) for name, place in places.items()}
    return " ".join([command.format(**quoted), *words])


def _is_measured(catalog: CatalogProtocol) -> bool:
    """Whether the metrics are of the generator that there is."""
    from sagan.reporting.summary_section import measured_generator

    if not all(
        name in catalog and catalog.exists(name) for name in ("generator_bundle", "metrics")
    ):
        return False
    bundle, metrics = catalog.load("generator_bundle"), catalog.load("metrics")
    return measured_generator(metrics) in [bundle.choose(one).facts for one in bundle.available]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a parameter
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


class ProjectHooks:
    """Preflight checks, implemented in `sagan.preflight`, and the log lines of a run."""

    def __init__(self) -> None:
        self._total_nodes = 0
        self._started_nodes = 0
        self._start_seconds = 0.0
        self._env: str | None = None

    @hook_impl  # type: ignore[untyped-decorator]
    def after_context_created(self, context: KedroContext) -> None:
        """Check environment, parameters and catalog, also of pipelines that do not run.

        Raises:
            ValueError: naming all that is wrong.
        """
        from kedro.framework.project import pipelines

        loader = context.config_loader
        check_environment(loader.conf_source, loader.env)
        # those of an environment replace those of base
        place = f"{Path(loader.conf_source).name}/{loader.env or 'base'}/globals.yml"
        places = dict.fromkeys(loader["globals"], place)
        check_parameters(loader["parameters"], dict(pipelines), places)
        given = (loader.runtime_params or {}).get("training", {})
        refuse_replaced(loader["parameters"].get("training", {}).get("recipe"), given)
        asked = loader["parameters"].get("evaluation", {}).get("protocol")
        refuse_set_by_quick(asked, (loader.runtime_params or {}).get("evaluation", {}))
        nodes = {node for pipeline in pipelines.values() for node in pipeline.nodes}
        # pipelines that a user added have no namespace, and may pass data on in memory
        ours = [node for node in nodes if node.namespace]
        names = {name for node in ours for name in (*node.inputs, *node.outputs)}
        artefacts = {name for name in names if not name.startswith("param")}
        check_catalog(loader["catalog"], artefacts)

    @hook_impl  # type: ignore[untyped-decorator]
    def after_catalog_created(
        self, catalog: CatalogProtocol, conf_catalog: dict[str, Any], load_versions: dict[str, str]
    ) -> None:
        """Make parameters plain values, as plugins expect them; a node gets its model again.

        Raises:
            ValueError: for `--load-versions` of a dataset without versions, which Kedro ignores.
        """
        check_load_versions(conf_catalog, load_versions)
        for name in [name for name in catalog if name.startswith("params:")]:
            dataset = catalog.get(name)
            value = dataset.load()
            if isinstance(value, BaseModel):
                dataset.save(_plain(value))
        if "parameters" in catalog:
            every = catalog.get("parameters")
            every.save({name: _plain(value) for name, value in every.load().items()})

    @hook_impl  # type: ignore[untyped-decorator]
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Run the preflight checks.

        Raises:
            ValueError: when parameters, expectations or networks cannot be used.
            FileNotFoundError: when a file is missing that the run will need.
        """
        if run_params.get("only_missing_outputs"):
            pipeline = without_finished(pipeline, catalog)
        self._total_nodes, self._started_nodes = len(pipeline.nodes), 0
        self._start_seconds, self._env = monotonic(), run_params.get("env")
        for check in CHECKS:
            check(pipeline, catalog)
        check_inputs(pipeline, catalog)

    @hook_impl  # type: ignore[untyped-decorator]
    def before_node_run(self, node: Node, inputs: dict[str, Any]) -> dict[str, Any]:
        """Log which node of how many starts; return its parameters as their models."""
        self._started_nodes += 1
        logger.info("[%d/%d] %s", self._started_nodes, self._total_nodes, node.name)
        models = TypeExtractor({node.name: Pipeline([node])}).extract_types_from_pipelines()
        validated = {
            f"params:{name}": model.model_validate(inputs[f"params:{name}"])
            for name, model in models.items()
            if issubclass(model, BaseModel)
        }
        inputs.update(validated)  # kedro-dagster does not take what a hook returns
        return validated

    @hook_impl  # type: ignore[untyped-decorator]
    def after_node_run(self, outputs: dict[str, Any]) -> None:
        """Name the environment in the commands of a page that a node made."""
        env = None if self._env is None else escape(self._env)
        for name in outputs.keys() & _PAGES:
            outputs[name] = in_environment(outputs[name], env)

    @hook_impl  # type: ignore[untyped-decorator]
    def on_node_error(self, error: Exception, node: Node, catalog: CatalogProtocol) -> None:
        """Where validation failed, delete what an earlier one let through, and name the page."""
        from sagan.data.validation_status import ValidationFailedError

        if node.namespace == "data_validation" and isinstance(error, ValidationFailedError):
            for name in node.outputs:
                dataset = unwrapped(catalog.get(name))
                if isinstance(dataset, FileDataset):
                    dataset.remove()
                elif place := location(dataset):
                    logger.warning("%s is of an earlier validation", place)
            if page := location(catalog.get("data_docs")):
                logger.info("validation report: %s", page)

    @hook_impl  # type: ignore[untyped-decorator]
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: CatalogProtocol
    ) -> None:
        """Log the duration, where the pictures and pages are, and the next command."""
        if run_params.get("only_missing_outputs") and not self._started_nodes:
            logger.info("nothing to do: all outputs exist")
        else:
            logger.info("done in %.0f s", monotonic() - self._start_seconds)
        for name in _SHOWN:
            if name in pipeline.all_outputs() and (place := location(catalog.get(name))):
                logger.info("  %s", place)
        if command := _next_command(run_params, pipeline, catalog):
            logger.info("next: %s", command)


class TrackerHooks:
    """What a run makes of a generator, sent to the trackers that `training.trackers` names."""

    @hook_impl  # type: ignore[untyped-decorator]
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Send scores, pictures and bundle, with the parameters of the pipelines that ran."""
        training = catalog.load("params:training") if "params:training" in catalog else {}
        made = {name for name in pipeline.all_outputs() if name in _SENT and catalog.exists(name)}
        if not training.get("trackers") or not made or not catalog.exists("generator_bundle"):
            return
        from sagan.training.config import TrainingConfig
        from sagan.training.monitor.outcome import Outcome, send_outcome

        ran = {f"params:{node.namespace}": node.namespace for node in pipeline.nodes}
        outcome = Outcome(
            bundle=catalog.load("generator_bundle"),
            parameters={
                namespace: catalog.load(name)
                for name, namespace in ran.items()
                if namespace != "training" and name in catalog
            },
            metrics=catalog.load("metrics") if "metrics" in made else None,
            pictures={name: catalog.load(name) for name in _PICTURES if name in made},
            trained="generator_bundle" in made,
        )
        runs = catalog.load("checkpoints_workspace")
        send_outcome(TrainingConfig.model_validate(training), runs, outcome)
