"""Preflight checks of networks: whether they can be built, and the model that they start from."""

from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from sagan.preflight.images import TRAINING, channels_of, namespaces, parameters_of, size_of


def check_networks(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse networks that cannot be built for images of this size.

    Raises:
        ValueError: naming all that is wrong with them.
    """
    running = namespaces(pipeline) & TRAINING
    image_size = size_of(pipeline, catalog) if running else None
    if image_size is None:
        return
    from sagan.training.config import TrainingConfig

    training = parameters_of(catalog, "training", TrainingConfig)
    if "comparison" in running:
        from sagan.comparison.config import ComparisonConfig
        from sagan.comparison.search import search_config
        from sagan.comparison.variants import build_variants

        config = parameters_of(catalog, "comparison", ComparisonConfig)
        weights = dict(catalog.load("params:evaluation")).get("weights")
        channels = channels_of(pipeline, catalog)
        build_variants(config, training, image_size, weights, image_channels=channels)
        if config.search.candidates:
            short = search_config(config)
            build_variants(short, training, image_size, weights, image_channels=channels)
    if "training" in running:
        from sagan.training.config.networks import network_faults

        frozen = training.freeze_discriminator_layers
        faults = network_faults(training.model, image_size=image_size, frozen_blocks=frozen)
        if faults:
            listed = "\n".join(f"  training.{fault}" for fault in faults)
            raise ValueError(
                f"{len(faults)} wrong parameter{'s' if len(faults) > 1 else ''} for images of "
                f"{image_size} px (conf/*/parameters_training.yml or --params):\n{listed}"
            )


def check_start(pipeline: Pipeline, catalog: CatalogProtocol) -> None:
    """Refuse a trained model to start from that cannot be read, or of which nothing fits.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is something else, or damaged.
    """
    if "training" not in namespaces(pipeline):
        return
    from sagan.training.config import TrainingConfig

    training = parameters_of(catalog, "training", TrainingConfig)
    if training.start_from is not None:
        from sagan.training.store.trained_model import check_start as check

        runs_dir = catalog.get("checkpoints_workspace").filepath
        channels = channels_of(pipeline, catalog)
        check(training, size_of(pipeline, catalog), runs_dir, image_channels=channels)
