"""Wiring of station 1."""

from typing import Any

from kedro.pipeline import Pipeline, node

from sagan.pipelines.acquisition.nodes import acquire_images


def create_pipeline(**_: Any) -> Pipeline:  # noqa: ANN401 - Kedro's signature
    """`raw_workspace` -> `image_folder`."""
    return Pipeline(
        [
            node(
                acquire_images,
                inputs=["params:acquisition", "raw_workspace"],
                outputs="image_folder",
                name="acquire_images",
            )
        ],
        namespace="acquisition",
        prefix_datasets_with_namespace=False,
    )
