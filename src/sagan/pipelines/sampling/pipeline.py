"""The `sampling` pipeline: its nodes and datasets."""

from kedro.pipeline import Node, Pipeline

from sagan.pipelines.sampling.nodes import draw_attention, draw_grid, draw_samples


def create_pipeline(**_: object) -> Pipeline:
    """Generator bundle -> samples, also as files on request, grid, attention maps."""
    return Pipeline(
        [
            Node(
                draw_samples,
                inputs=["generator_bundle", "params:sampling", "pngs_workspace"],
                outputs="samples",
                name="draw_samples",
            ),
            Node(
                draw_grid,
                inputs=["samples", "generator_bundle", "params:sampling"],
                outputs="sample_grid",
                name="draw_grid",
            ),
            Node(
                draw_attention,
                inputs=["generator_bundle", "params:sampling"],
                outputs="attention_maps",
                name="draw_attention",
            ),
        ],
        namespace="sampling",
        prefix_datasets_with_namespace=False,
    )
