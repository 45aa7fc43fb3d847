"""The `tuning` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.tuning.nodes import tune_training


def create_pipeline(**_: object) -> Pipeline:
    """Shards -> best parameters, the study, its page."""
    return Pipeline(
        [
            Node(
                tune_training,
                inputs=[
                    "image_shards",
                    "tuning_workspace",
                    "evaluation_workspace",
                    "params:training",
                    "params:tuning",
                ],
                outputs=["best_parameters", "tuning_results", "tuning_report"],
                name="tune_training",
            ),
        ],
        namespace="tuning",
        prefix_datasets_with_namespace=False,
    )
