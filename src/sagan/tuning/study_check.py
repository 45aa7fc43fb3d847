"""Preflight check of a study."""

from pathlib import Path

from sagan.training.config import TrainingConfig
from sagan.tuning.config import TuningConfig
from sagan.tuning.space import SearchSpace, trial_training
from sagan.tuning.storage.location import StorageLocation


def check_study(
    config: TuningConfig,
    training: TrainingConfig,
    image_size: int | None = None,
    *,
    image_channels: int = 3,
    num_classes: int | None = None,
) -> None:
    """Check a study against the training that it tunes.

    Args:
        config: the study.
        training: the pipeline's parameters, which every trial starts from.
        image_size: side of the images, if known: networks that cannot be built for it are
            refused [px].
        image_channels: of the images, which a model to start from must have too.
        num_classes: of the images, if known; a classifier's features need several.

    Raises:
        ValueError: parameters that do not go together, naming each.
        FileNotFoundError: scores are asked for in Inception's features, without its weights; or
            there is no model to start from.
        StorageError: the storage's address is not valid.
    """
    if image_size is not None:
        training = training.for_image_size(image_size)
    space = SearchSpace(config.search_space, trial_training(config, training))
    space.check()
    if image_size is not None:  # else the study checks this when it starts
        space.check_networks(image_size)
        space.starting_points(config.warm_starts)
    StorageLocation.of(config.storage, Path())
    if (start := trial_training(config, training)).start_from is not None:
        from sagan.training.store.trained_model import check_start

        check_start(start, image_size, None, image_channels=image_channels)
    if num_classes is not None:
        from sagan.metrics.features.extractor import require_classes

        places = "in tuning.evaluation, with scores of those features as tuning.objectives"
        require_classes(config.evaluation, num_classes, places=f"{places}, such as fd_rotation")
    if config.evaluation.features == "inception":
        from sagan.metrics.features.inception import require_weights

        require_weights(config.evaluation)
