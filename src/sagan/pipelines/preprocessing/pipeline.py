"""Wiring of station 3."""

from typing import Any

from kedro.pipeline import Pipeline, node

from sagan.pipelines.preprocessing.nodes import make_shards


def create_pipeline(**_: Any) -> Pipeline:  # noqa: ANN401 - Kedro's signature
    """Images, `validated_manifest` and its `validation_report` -> `image_shards`."""
    return Pipeline(
        [
            node(
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
