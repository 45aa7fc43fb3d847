"""Kedro hooks: preflight checks before a run, and log lines while it goes."""

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
from sagan.preflight.parameters import check_environment, check_parameters
from sagan.preflight.pipeline import CHECKS
from sagan.training.config.recipes import refuse_replaced

logger = logging.getLogger(__name__)


# what is named at the end of a run that made it
_SHOWN = (
    "data_docs",
    "sample_grid",
    "metrics",
    "report",
    "best_parameters",
    "tuning_report",
    "comparison_report",
    "shared_generator",
    "completion_sheet",
)


class ProjectHooks:
    """Preflight checks, implemented in `sagan.preflight`, and the log lines of a run."""

    def __init__(self) -> None:
        self._total_nodes = 0
        self._started_nodes = 0
        self._start_seconds = 0.0

    @hook_impl  # type: ignore[untyped-decorator]
    def after_context_created(self, context: KedroContext) -> None:
        """Check environment, parameters and catalog, also of pipelines that do not run.

        Raises:
            ValueError: naming all that is wrong.
        """
        from kedro.framework.project import pipelines

        loader = context.config_loader
        check_environment(loader.conf_source, loader.env)
        check_parameters(loader["parameters"], dict(pipelines))
        given = (loader.runtime_params or {}).get("training", {})
        refuse_replaced(loader["parameters"].get("training", {}).get("recipe"), given)
        names = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
        artefacts = {name for name in names if not name.startswith("param")}
        check_catalog(loader["catalog"], artefacts)

    @hook_impl  # type: ignore[untyped-decorator]
    def before_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Run the preflight checks.

        Raises:
            ValueError: when parameters, expectations or networks cannot be used.
            FileNotFoundError: when a file is missing that the run will need.
        """
        self._total_nodes, self._started_nodes = len(pipeline.nodes), 0
        self._start_seconds = monotonic()
        for check in CHECKS:
            check(pipeline, catalog)

    @hook_impl  # type: ignore[untyped-decorator]
    def before_node_run(self, node: Node) -> None:
        """Log which node of how many starts."""
        self._started_nodes += 1
        logger.info("[%d/%d] %s", self._started_nodes, self._total_nodes, node.name)

    @hook_impl  # type: ignore[untyped-decorator]
    def on_node_error(self, error: Exception, node: Node, catalog: CatalogProtocol) -> None:
        """Where validation failed, delete what an earlier one let through, and name the page."""
        from sagan.data.validation_status import ValidationFailedError

        if node.namespace == "data_validation" and isinstance(error, ValidationFailedError):
            for name in node.outputs:
                Path(catalog.get(name).filepath).unlink(missing_ok=True)
            logger.info(
                "validation report: %s", display_path(Path(catalog.get("data_docs").filepath))
            )

    @hook_impl  # type: ignore[untyped-decorator]
    def after_pipeline_run(self, pipeline: Pipeline, catalog: CatalogProtocol) -> None:
        """Log the duration, and where the pictures and pages are."""
        logger.info("done in %.0f s", monotonic() - self._start_seconds)
        for name in _SHOWN:
            if name in pipeline.all_outputs():
                logger.info("  %s", display_path(Path(catalog.get(name).filepath)))
