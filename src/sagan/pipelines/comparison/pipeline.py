"""The `comparison` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.comparison.nodes import summarise_comparison, train_and_measure


def create_pipeline(**_: object) -> Pipeline:
    """Shards -> a row per variant and seed -> table, samples, page."""
    return Pipeline(
        [
            Node(
                train_and_measure,
                inputs={
                    "image_shards": "image_shards",
                    "comparison_workspace": "comparison_workspace",
                    "evaluation_workspace": "evaluation_workspace",
                    "config": "params:comparison",
                    "training": "params:training",
                    "evaluation": "params:evaluation",
                },
                outputs="comparison_rows",
                name="train_and_measure",
            ),
            Node(
                summarise_comparison,
                inputs=["comparison_rows", "comparison_workspace", "params:comparison"],
                outputs=["comparison_results", "comparison_samples", "comparison_report"],
                name="summarise_comparison",
            ),
        ],
        namespace="comparison",
        prefix_datasets_with_namespace=False,
    )
