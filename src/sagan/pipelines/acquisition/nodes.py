"""Node of the acquisition pipeline."""

from pathlib import Path

from sagan.data.config import AcquisitionConfig
from sagan.data.image_folder import ImageFolder


def acquire_images(config: AcquisitionConfig, workspace: Path) -> ImageFolder:
    """Make or find the image folder that the parameters name."""
    from sagan.data.sources.acquire import acquire

    return acquire(config, workspace)
