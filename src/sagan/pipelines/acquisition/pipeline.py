"""The `acquisition` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.acquisition.nodes import acquire_images


def create_pipeline(**_: object) -> Pipeline:
    """`raw_workspace` -> `image_folder`."""
    return Pipeline(
        [
            Node(
                acquire_images,
                inputs=["params:acquisition", "raw_workspace"],
                outputs="image_folder",
                name="acquire_images",
            )
        ],
        namespace="acquisition",
        prefix_datasets_with_namespace=False,
    )
