"""The `completion` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.completion.nodes import complete_images


def create_pipeline(**_: object) -> Pipeline:
    """Generator bundle and images -> completions under a mask, as files, records and a sheet."""
    return Pipeline(
        [
            Node(
                complete_images,
                inputs=[
                    "generator_bundle",
                    "image_shards",
                    "params:completion",
                    "completion_workspace",
                    "encoders_workspace",
                ],
                outputs=["completions", "completion_sheet"],
                name="complete_images",
            ),
        ],
        namespace="completion",
        prefix_datasets_with_namespace=False,
    )
