"""Wiring of station 2.

The gate is a node of its own, so that report and Data Docs are on disk before it closes.
"""

from typing import Any

from kedro.pipeline import Pipeline, node

from sagan.pipelines.data_validation.nodes import make_manifest, open_gate, report_on_manifest


def create_pipeline(**_: Any) -> Pipeline:  # noqa: ANN401 - Kedro's signature
    """`image_folder`, `expectation_suites` -> `manifest`, `validated_manifest` and the verdict."""
    return Pipeline(
        [
            node(
                make_manifest,
                inputs=[
                    "params:data_validation",
                    "expectation_suites",
                    "image_folder",
                    "manifest_workspace",
                ],
                outputs="manifest",
                name="make_manifest",
            ),
            node(
                report_on_manifest,
                inputs=[
                    "params:data_validation",
                    "expectation_suites",
                    "manifest",
                    "image_folder",
                    "manifest_workspace",
                ],
                outputs=["validation_report", "data_docs", "quarantine"],
                name="report_on_manifest",
            ),
            node(
                open_gate,
                inputs=["manifest", "validation_report"],
                outputs="validated_manifest",
                name="open_gate",
            ),
        ],
        namespace="data_validation",
        prefix_datasets_with_namespace=False,
    )
