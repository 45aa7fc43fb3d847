"""The `preprocessing` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.preprocessing.nodes import make_shards


def create_pipeline(**_: object) -> Pipeline:
    """Images, `validated_manifest` and its `validation_report` -> `image_shards`."""
    return Pipeline(
        [
            Node(
                make_shards,
                inputs=[
                    "params:preprocessing",
                    "image_folder",
                    "validated_manifest",
                    "validation_report",
                    "shards_workspace",
                ],
                outputs="image_shards",
                name="make_shards",
            )
        ],
        namespace="preprocessing",
        prefix_datasets_with_namespace=False,
    )
