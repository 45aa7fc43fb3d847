"""Nodes of the data validation pipeline: manifest, report, gate."""

from pathlib import Path
from typing import Any

from sagan.data.image_folder import ImageFolder
from sagan.pipelines.types import DataFrame
from sagan.validation.config import DataValidationConfig


def make_manifest(
    config: DataValidationConfig, image_folder: ImageFolder, workspace: Path
) -> DataFrame:
    """Read every image."""
    from sagan.data.manifest.build import build_manifest

    return build_manifest(image_folder, config.manifest, workspace)


def report_on_manifest(
    config: DataValidationConfig,
    expectation_suites: dict[str, Any],
    manifest: DataFrame,
    image_folder: ImageFolder,
    workspace: Path,
) -> tuple[dict[str, Any], str, DataFrame]:
    """Check the manifest against the suites; returns report, Data Docs page, quarantine list."""
    from sagan.data.manifest.parts import remove_parts
    from sagan.validation.data_docs import data_docs_page
    from sagan.validation.report import quarantine, validate_manifest

    remove_parts(workspace)  # the manifest is saved by now
    report, results = validate_manifest(manifest, expectation_suites, config, image_folder)
    return report, data_docs_page(report, results), quarantine(manifest)


def open_gate(manifest: DataFrame, report: dict[str, Any]) -> DataFrame:
    """Pass the sound rows on, or stop the run with every reason."""
    from sagan.validation.gate import pass_gate

    return pass_gate(manifest, report)
