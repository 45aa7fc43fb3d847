"""The node of station 3."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagan.data.config import PreprocessingConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.shards.store import ShardStore

# Kedro resolves the hints below, and one that it could not resolve would switch its validation of
# the parameters off; importing pandas here would slow every command
if TYPE_CHECKING:
    from pandas import DataFrame
else:
    DataFrame = object


def make_shards(
    config: PreprocessingConfig,
    image_folder: ImageFolder,
    validated_manifest: DataFrame,
    validation_report: dict[str, Any],
    workspace: Path,
) -> ShardStore:
    """Decode and resize the validated images into shards, or find them made."""
    from sagan.data.manifest.build import data_hash, records
    from sagan.data.shards.build import preprocess
    from sagan.data.validation_status import require_passed_validation

    found = data_hash(validated_manifest)
    require_passed_validation(validation_report, found, "preprocessing does not start")

    return preprocess(image_folder, records(validated_manifest), workspace, config)
