"""Wiring of the comparison station."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.comparison.nodes import train_and_measure


def create_pipeline(**_: object) -> Pipeline:
    """Shards -> a row for every contestant and seed."""
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
        ],
        namespace="comparison",
        prefix_datasets_with_namespace=False,
    )
