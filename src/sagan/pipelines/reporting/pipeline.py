"""The `reporting` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.reporting.nodes import collect_scores, plot_curves, write_report


def create_pipeline(**_: object) -> Pipeline:
    """Reports, journal, pictures and metrics -> curves, scores and the page."""
    return Pipeline(
        [
            Node(
                plot_curves,
                inputs=["training_journal", "params:reporting"],
                outputs="training_curves_plot",
                name="plot_curves",
            ),
            Node(
                collect_scores,
                inputs=["training_summary", "metrics"],
                outputs="scores",
                name="collect_scores",
            ),
            Node(
                write_report,
                inputs={
                    "validation_report": "validation_report",
                    "generator_bundle": "generator_bundle",
                    "training_journal": "training_journal",
                    "training_summary": "training_summary",
                    "sample_grid": "sample_grid",
                    "attention_maps": "attention_maps",
                    "metrics": "metrics",
                    "evaluation_pictures": "evaluation_pictures",
                    "parameters": "parameters",
                    "config": "params:reporting",
                },
                outputs="report",
                name="write_report",
            ),
        ],
        namespace="reporting",
        prefix_datasets_with_namespace=False,
    )
