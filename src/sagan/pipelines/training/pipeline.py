"""The `training` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.training.nodes import tabulate_curves, train_gan


def create_pipeline(**_: object) -> Pipeline:
    """Shards -> generator bundle, journal, curves, summary."""
    return Pipeline(
        [
            Node(
                train_gan,
                inputs=[
                    "image_shards",
                    "checkpoints_workspace",
                    "evaluation_workspace",
                    "params:training",
                ],
                outputs=["generator_bundle", "training_journal", "training_summary"],
                name="train_gan",
            ),
            Node(
                tabulate_curves,
                inputs="training_journal",
                outputs="training_curves",
                name="tabulate_curves",
            ),
        ],
        namespace="training",
        prefix_datasets_with_namespace=False,
    )
