"""The nodes of station 2: look, judge, and only then open the gate."""

from typing import TYPE_CHECKING, Any

from sagan.data.image_folder import ImageFolder
from sagan.validation.config import DataValidationConfig

# Kedro resolves the hints below, and one that it could not resolve would switch its validation of
# the parameters off; importing pandas here would slow every command
if TYPE_CHECKING:
    from pandas import DataFrame
else:
    DataFrame = object


def make_manifest(config: DataValidationConfig, image_folder: ImageFolder) -> DataFrame:
    """Read every image; a suite that could not be used is refused before that."""
    from sagan.data.manifest import build_manifest
    from sagan.validation.suite import build_expectations

    build_expectations(config)
    return build_manifest(image_folder, config.manifest)


def report_on_manifest(
    config: DataValidationConfig, manifest: DataFrame
) -> tuple[dict[str, Any], str]:
    """Hold the suite against the manifest; returns the report and the Data Docs page."""
    from sagan.validation.data_docs import data_docs_page
    from sagan.validation.report import validate_manifest

    report, results = validate_manifest(manifest, config)
    return report, data_docs_page(report, results)


def open_gate(manifest: DataFrame, report: dict[str, Any]) -> DataFrame:
    """Let the sound rows through, or stop the run with every reason."""
    from sagan.validation.gate import pass_gate

    return pass_gate(manifest, report)
