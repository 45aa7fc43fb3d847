"""Wiring of station 3."""

from typing import Any

from kedro.pipeline import Pipeline, node

from sagan.pipelines.preprocessing.nodes import make_shards


def create_pipeline(**_: Any) -> Pipeline:  # noqa: ANN401 - Kedro's signature
    """`image_folder`, `validated_manifest`, `shards_workspace` -> `image_shards`."""
    return Pipeline(
        [
            node(
                make_shards,
                inputs=[
                    "params:preprocessing",
                    "image_folder",
                    "validated_manifest",
                    "shards_workspace",
                ],
                outputs="image_shards",
                name="make_shards",
            )
        ],
        namespace="preprocessing",
        prefix_datasets_with_namespace=False,
    )
