"""Check that the networks can be built for an image size, without data or memory."""

import torch

from sagan.models.config import ModelConfig
from sagan.models.discriminator import build_discriminator
from sagan.models.generator import build_generator


def network_faults(config: ModelConfig, *, image_size: int) -> list[str]:
    """Build both networks without memory; what they refuse, a sentence each.

    Args:
        config: of both networks.
        image_size: side of the images [px].
    """
    sizes = {"image_size": image_size, "num_classes": 1}  # any number of classes will do
    faults = []
    with torch.device("meta"):
        try:
            build_generator(config.generator, **sizes)
        except ValueError as error:
            faults.append(str(error))
        try:
            build_discriminator(config.discriminator, **sizes)
        except ValueError as error:
            faults.append(str(error))
    return faults
