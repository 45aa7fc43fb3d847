"""Node of the export pipeline."""

from typing import Any

from sagan.export.config import ExportConfig
from sagan.pipelines.types import ExportFolder, GeneratorBundle
from sagan.sampling.config import SamplingConfig


def share_generator(
    generator_bundle: GeneratorBundle,
    validation_report: dict[str, Any],
    metrics: dict[str, Any] | None,
    sampling: SamplingConfig,
    config: ExportConfig,
) -> ExportFolder:
    """The bundle with model card, picture, metrics and program, in a folder to share."""
    from sagan.export.folder import make_folder

    return make_folder(config, generator_bundle, sampling, validation_report, metrics)
