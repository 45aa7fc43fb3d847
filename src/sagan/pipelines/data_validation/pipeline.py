"""The `data_validation` pipeline: its nodes and datasets.

The gate is a node of its own, so that report and Data Docs are saved before it stops a run.
"""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.data_validation.nodes import make_manifest, open_gate, report_on_manifest


def create_pipeline(**_: object) -> Pipeline:
    """`image_folder`, `expectation_suites` -> `manifest`, report, `validated_manifest`."""
    return Pipeline(
        [
            Node(
                make_manifest,
                inputs=["params:data_validation", "image_folder", "manifest_workspace"],
                outputs="manifest",
                name="make_manifest",
            ),
            Node(
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
            Node(
                open_gate,
                inputs=["manifest", "validation_report"],
                outputs="validated_manifest",
                name="open_gate",
            ),
        ],
        namespace="data_validation",
        prefix_datasets_with_namespace=False,
    )
