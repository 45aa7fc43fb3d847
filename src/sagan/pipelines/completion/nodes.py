"""Node of the completion pipeline."""

from pathlib import Path
from typing import Any

import numpy as np

from sagan.completion.config import CompletionConfig
from sagan.pipelines.types import GeneratorBundle, ShardStore


def complete_images(
    generator_bundle: GeneratorBundle,
    image_shards: ShardStore,
    config: CompletionConfig,
    folder: Path,
    encoders: Path,
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Completions of images under a mask, what is recorded of them, and a sheet of all."""
    from sagan.completion.complete import complete_images
    from sagan.completion.inputs import prepare
    from sagan.training.store.discriminator import discriminator_of

    images, label = prepare(generator_bundle, image_shards, config)
    return complete_images(
        generator_bundle,
        images,
        folder,
        config,
        class_label=label,
        encoders=encoders,
        discriminator=discriminator_of(config.discriminator, generator_bundle),
    )
