"""Kedro's hooks: what is checked before a run starts, and one line a node while it goes."""

import logging
from pathlib import Path
from time import monotonic

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from sagan.common.files import display_path
from sagan.preflight.catalog import check_catalog
from sagan.preflight.parameters import check_environment, check_parameters, check_recipe
from sagan.preflight.pipeline import (
    check_device,
    check_expectations,
    check_networks,
    check_source,
    check_study,
    check_verdict,
    check_weights,
)

logger = logging.getLogger(__name__)


class ProjectHooks:
    """Preflight checks, implemented in `sagan.preflight`, and the log lines of a run."""

    def __init__(self) -> None:
        self._total_nodes = 0
        self._started_nodes = 0
        self._start_seconds = 0.0

    @hook_impl  # type: ignore[untyped-decorator]
    def after_context_created(self, context: KedroContext) -> None:
        """Refuse an unknown environment, wrong parameters and a catalog that cannot serve.

        Those of stations that do not run are checked too.

        Raises:
            ValueError: naming all that is wrong.
        """
        from kedro.framework.project import pipelines

        loader = context.config_loader
        check_environment(loader.conf_source, loader.env)
        check_parameters(loader["parameters"], dict(pipelines))
        check_recipe(loader["parameters"], loader.runtime_params or {})
        everything = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
        artefacts = {name for name in everything if not name.startswith("param")}
        check_catalog(loader["catalog"], artefacts)

    @hook_impl  # type: ignore[untyped-decorator]
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Say before hours of work, not after them, what would stop it.

        A source without a place, faulty expectations, networks that images of this size cannot
        have, a study that could not begin, images without a passing validation, and a device that
        is not there are refused. Where a file must be fetched by hand, a run with the evaluation
        is refused; one that trains for a later evaluation is warned.

        Raises:
            ValueError: when expectations or networks are faulty, the images were not found fit,
                CUDA is asked for and absent, or weights are to be measured that the generator has
                not.
            FileNotFoundError: when the Inception weights are absent.
        """
        self._total_nodes, self._started_nodes = len(pipeline.nodes), 0
        self._start_seconds = monotonic()
        check_source(pipeline, catalog)
        check_verdict(pipeline, catalog)
        check_device(pipeline, catalog)
        check_networks(pipeline, catalog)
        check_weights(pipeline, catalog)
        check_study(pipeline, catalog)
        check_expectations(pipeline, catalog)
        stations = {node.namespace for node in pipeline.nodes}
        if not stations & {"training", "evaluation"}:
            return
        from sagan.metrics.config import EvaluationConfig

        config = EvaluationConfig.model_validate(catalog.load("params:evaluation"))
        if config.features != "inception":
            return
        from sagan.metrics.features.inception import require_weights

        try:
            require_weights(config)
        except FileNotFoundError as error:
            if "evaluation" in stations:
                raise
            logger.warning("training continues, but: %s", error)

    @hook_impl  # type: ignore[untyped-decorator]
    def before_node_run(self, node: Node) -> None:
        """Say which node of how many starts."""
        self._started_nodes += 1
        logger.info("[%d/%d] %s", self._started_nodes, self._total_nodes, node.name)

    @hook_impl  # type: ignore[untyped-decorator]
    def on_node_error(self, error: Exception, node: Node, catalog: CatalogProtocol) -> None:
        """Where images failed validation, name the page; what an earlier one let through goes."""
        from sagan.data.validation_status import ValidationFailedError

        if node.namespace == "data_validation" and isinstance(error, ValidationFailedError):
            for name in node.outputs:
                Path(catalog.get(name).filepath).unlink(missing_ok=True)
            logger.info(
                "validation report: %s", display_path(Path(catalog.get("data_docs").filepath))
            )

    @hook_impl  # type: ignore[untyped-decorator]
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Say how long it took, and where the pictures and the page are."""
        logger.info("done in %.0f s", monotonic() - self._start_seconds)
        for name in (
            "data_docs",
            "sample_grid",
            "metrics",
            "report",
            "best_parameters",
            "tuning_report",
            "comparison_report",
            "shared_generator",
        ):
            if name in pipeline.all_outputs():
                logger.info("  %s", display_path(Path(catalog.get(name).filepath)))
