"""Station 3 as a whole: the shards of an image folder, made or found made, and published."""

from collections.abc import Sequence
from pathlib import Path

from sagan.data.config import PreprocessingConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import ImageRecord
from sagan.data.shards.build import build_stores
from sagan.data.shards.store import ShardStore


def preprocess(
    folder: ImageFolder,
    images: Sequence[ImageRecord],
    workspace: Path,
    config: PreprocessingConfig,
) -> ShardStore:
    """Make the shard stores of the validated images, and copy them to where they are published.

    Args:
        folder: Where the images are, and what their classes are called.
        images: The validated images.
        workspace: Stores lie here, each in a folder named by its key.
        config: Sizes, resizer, images a shard, workers, address to publish to.

    Returns:
        The store of `config.image_size`.

    Raises:
        ValueError: if an image is not the one that was validated.
        OSError: if the disk is full, now or foreseeably, or the address cannot be written to.
    """
    stores = build_stores(folder.path, images, workspace, config, folder.class_titles)
    if config.publish_to is not None:
        from sagan.data.shards.transfer import publish_store

        for store in stores:
            publish_store(store, f"{config.publish_to.rstrip('/')}/{store.key}")
    return stores[0]
