"""The reporting pipeline on an in-memory catalog."""

from typing import get_type_hints

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from sagan.datasets import EvaluationPicturesDataset, JSONDataset
from sagan.pipelines.reporting.pipeline import create_pipeline
from sagan.reporting.config import ReportingConfig
from tests import fabricated_run as run


class Bundle:
    """What the pipeline asks of a generator bundle."""

    config = run.bundle_config()


def report(metrics: object, pictures: object) -> str:
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
    SequentialRunner().run(create_pipeline(), catalog)
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


@pytest.mark.parametrize("node", create_pipeline().nodes, ids=lambda node: node.name)
def test_hints_resolve_so_that_kedro_checks_the_parameters(node) -> None:
    assert get_type_hints(node.func).get("config", ReportingConfig) is ReportingConfig
