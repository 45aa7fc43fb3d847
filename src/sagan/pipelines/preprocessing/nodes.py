"""Node of the preprocessing pipeline."""

from pathlib import Path
from typing import Any

from sagan.data.config import PreprocessingConfig
from sagan.data.image_folder import ImageFolder
from sagan.pipelines.types import DataFrame, ShardStore


def make_shards(
    config: PreprocessingConfig,
    image_folder: ImageFolder,
    validated_manifest: DataFrame,
    validation_report: dict[str, Any],
    workspace: Path,
) -> ShardStore:
    """Decode and resize the validated images into shards, unless they exist already."""
    from sagan.data.manifest.build import data_hash, records, warn_of_lost_colours
    from sagan.data.shards.build import build_stores
    from sagan.data.validation_status import require_passed_validation

    found = data_hash(validated_manifest)
    require_passed_validation(validation_report, found, "preprocessing does not start")

    decodable = validated_manifest["decodable"]
    warn_of_lost_colours(validated_manifest.loc[decodable, "mode"], config.channels)
    images = records(validated_manifest)
    config = config.oriented(published=image_folder.published)
    titles = image_folder.class_titles
    return build_stores(image_folder.path, images, workspace, config, titles)[0]
