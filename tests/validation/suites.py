"""The project's own suites with thresholds that small drawn folders can meet, and their input."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sagan.data.config import ManifestConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import build_manifest
from sagan.validation.config import DataValidationConfig
from sagan.validation.report import validate_manifest
from sagan.validation.suite import run_suite
from sagan.validation.suites import Expected, read_suites
from sagan.validation.tables import build_tables

CONF = Path(__file__).parents[2] / "conf/base"
SMALL = {
    "min_classes": 2,
    "max_classes": 5,
    "min_train_images_per_class": 4,
    "max_class_ratio": 4,
    "max_bad_fraction": 0.1,
    "max_bad_fraction_per_class": 0.5,
    "max_copy_fraction": 0.1,
    "max_leaked_fraction": 0.2,
    "min_side_px": 8,
    "max_side_px": 100,
    "max_aspect_ratio": 2,
    "min_image_bytes": 50,
    "max_image_bytes": 10_000,
}


def documents() -> dict[str, Any]:
    """The committed suites, freshly parsed."""
    files = sorted((CONF / "expectations").glob("*.json"))
    return {path.stem: json.loads(path.read_text()) for path in files}


def entry_of(suites: dict[str, Any], table: str, name: str) -> dict[str, Any]:
    """One expectation of parsed suites, to change."""
    (entry,) = [e for e in suites[table]["expectations"] if e["meta"]["name"] == name]
    return entry


def small_config(*, severity: Any = None, known: str | None = None, **thresholds: float) -> Any:
    """What `conf/base` says, with small thresholds."""
    values = yaml.safe_load((CONF / "parameters_data_validation.yml").read_text())
    values = values["data_validation"] | {"severity": severity or {}, "known_classes": known}
    values["thresholds"] |= SMALL | thresholds
    return DataValidationConfig(**values)


def one_expectation(table: str = "images", **entry: Any) -> dict[str, Any]:
    """Suites of a single critical expectation."""
    expectation = {"description": "as it should be", "meta": {"name": "the_one"}, **entry}
    return {table: {"name": table, "expectations": [expectation]}}


def expected_of(suites: dict[str, Any]) -> tuple[Expected, ...]:
    return read_suites(suites, DataValidationConfig()).expected


def outcomes_of(manifest: pd.DataFrame, config: DataValidationConfig) -> dict[str, Any]:
    """Outcomes of the committed suites by name."""
    expected = read_suites(documents(), config).expected
    outcomes, _ = run_suite(build_tables(manifest), expected, config.thresholds)
    return {outcome.name: outcome for outcome in outcomes}


def report_of(manifest: pd.DataFrame, config: DataValidationConfig | None = None) -> dict[str, Any]:
    """The report by the committed suites."""
    return validate_manifest(manifest, documents(), config or small_config())[0]


def manifest_of(root: Path) -> pd.DataFrame:
    return build_manifest(ImageFolder.open(root), ManifestConfig(workers=1))
