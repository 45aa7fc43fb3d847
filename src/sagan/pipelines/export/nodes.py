"""Node of the export pipeline."""

from typing import TYPE_CHECKING, Any

from sagan.export.config import ExportConfig
from sagan.sampling.config import SamplingConfig

if TYPE_CHECKING:
    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.export.folder import ExportFolder
else:  # heavy to import; yet a hint that Kedro cannot resolve switches off its parameter checks
    GeneratorBundle = ExportFolder = Any


def share_generator(
    generator_bundle: GeneratorBundle,
    validation_report: dict[str, Any],
    metrics: dict[str, Any] | None,
    sampling: SamplingConfig,
    config: ExportConfig,
) -> ExportFolder:
    """The bundle with card, sample grid, metrics and program, in a self-contained folder."""
    from sagan.export.folder import make_folder

    return make_folder(config, generator_bundle, sampling, validation_report, metrics)
