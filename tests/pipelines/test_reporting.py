"""The reporting pipeline on an in-memory catalog."""

import re
from typing import get_type_hints

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from sagan.datasets import EvaluationPicturesDataset, JSONDataset
from sagan.hooks import ProjectHooks
from sagan.pipelines.reporting.pipeline import create_pipeline
from sagan.reporting.config import ReportingConfig
from tests import fabricated_run as run


class Bundle:
    """What the pipeline asks of a generator bundle."""

    config = run.bundle_config()


def report(metrics: object, pictures: object, hooks: ProjectHooks | None = None) -> str:
    catalog = DataCatalog(
        {
            "validation_report": MemoryDataset(run.validation_report()),
            "generator_bundle": MemoryDataset(Bundle(), copy_mode="assign"),
            "training_journal": MemoryDataset(run.journal(20)),
            "training_summary": MemoryDataset(run.summary()),
            "sample_grid": MemoryDataset(run.picture(60, 60)),
            "attention_maps": MemoryDataset(run.picture(60, 60)),
            "metrics": metrics,
            "evaluation_pictures": pictures,
            "parameters": MemoryDataset({"reporting": ReportingConfig()}),
            "params:reporting": MemoryDataset(ReportingConfig(title="In memory")),
            "training_curves_plot": MemoryDataset(copy_mode="assign"),
            "scores": MemoryDataset(),
            "report": MemoryDataset(),
        }
    )
    manager = _create_hook_manager()
    if hooks is not None:
        manager.register(hooks)
    SequentialRunner().run(create_pipeline(), catalog, hook_manager=manager)
    assert len(catalog["training_curves_plot"].load().data) == 17
    assert catalog["scores"].load()["images_seen"] == run.summary()["images_seen"]
    return catalog["report"].load()


def test_pipeline_leaves_the_page_and_the_curves() -> None:
    page = report(MemoryDataset(run.metrics()), MemoryDataset(run.pictures()))
    assert "<h1>In memory</h1>" in page
    assert "12.35" in page


def test_pipeline_goes_without_metrics_where_the_catalog_lets_it(tmp_path) -> None:
    page = report(
        JSONDataset(filepath=str(tmp_path / "metrics.json"), missing_is_none=True),
        EvaluationPicturesDataset(filepath=str(tmp_path / "pictures.npz"), missing_is_none=True),
    )
    assert "The evaluation has not run" in page


def test_commands_on_the_page_are_of_its_environment(tmp_path) -> None:
    hooks = ProjectHooks()
    hooks.before_pipeline_run({"env": "mine"}, Pipeline([]), DataCatalog())
    page = report(
        JSONDataset(filepath=str(tmp_path / "metrics.json"), missing_is_none=True),
        EvaluationPicturesDataset(filepath=str(tmp_path / "pictures.npz"), missing_is_none=True),
        hooks,
    )
    assert "`kedro run --pipeline=evaluate --env=mine` measures" in page
    commands = re.findall(r"kedro (?:run|explore)[^`<]*", page)
    assert all("--env=mine" in command for command in commands)


@pytest.mark.parametrize("node", create_pipeline().nodes, ids=lambda node: node.name)
def test_hints_resolve_so_that_kedro_checks_the_parameters(node) -> None:
    assert get_type_hints(node.func).get("config", ReportingConfig) is ReportingConfig
