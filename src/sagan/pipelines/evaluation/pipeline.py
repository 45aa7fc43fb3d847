"""The `evaluation` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.evaluation.nodes import (
    draw_pictures,
    evaluate_generator,
    measure_reference,
)


def create_pipeline(**_: object) -> Pipeline:
    """Shards and generator bundle -> reference statistics, metrics, pictures."""
    return Pipeline(
        [
            Node(
                measure_reference,
                inputs=["image_shards", "evaluation_workspace", "params:evaluation"],
                outputs="reference_statistics",
                name="measure_reference",
            ),
            Node(
                evaluate_generator,
                inputs=[
                    "generator_bundle",
                    "image_shards",
                    "reference_statistics",
                    "evaluation_workspace",
                    "params:evaluation",
                ],
                outputs="metrics",
                name="evaluate_generator",
            ),
            Node(
                draw_pictures,
                inputs=["generator_bundle", "image_shards", "metrics", "params:evaluation"],
                outputs="evaluation_pictures",
                name="draw_pictures",
            ),
        ],
        namespace="evaluation",
        prefix_datasets_with_namespace=False,
    )
