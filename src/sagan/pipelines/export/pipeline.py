"""The `export` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.export.nodes import share_generator


def create_pipeline(**_: object) -> Pipeline:
    """Generator bundle, picture and numbers -> a folder that stands alone."""
    return Pipeline(
        [
            Node(
                share_generator,
                inputs=[
                    "generator_bundle",
                    "validation_report",
                    "metrics",
                    "params:sampling",
                    "params:export",
                ],
                outputs="shared_generator",
                name="share_generator",
            ),
        ],
        namespace="export",
        prefix_datasets_with_namespace=False,
    )
