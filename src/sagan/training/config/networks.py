"""Check that the networks can be built for an image size, without data or memory."""

from sagan.common.devices import without_memory
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import build_generator
from sagan.network_config import ModelConfig


def network_faults(config: ModelConfig, *, image_size: int, frozen_blocks: int = 0) -> list[str]:
    """Build both networks without memory; what they refuse, a sentence each.

    Args:
        config: of both networks.
        image_size: side of the images [px].
        frozen_blocks: blocks of the discriminator that are to be frozen.
    """
    sizes = {"image_size": image_size, "num_classes": 1}  # any number of classes will do
    config, faults = config.for_image_size(image_size), []
    with without_memory():
        try:
            build_generator(config.generator, **sizes)
        except ValueError as error:
            faults.append(str(error))
        try:
            build_discriminator(config.discriminator, **sizes).freeze(frozen_blocks)
        except ValueError as error:
            faults.append(str(error))
    return faults
