"""The project's own suite with thresholds that small drawn folders can meet, and its input."""

from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from sagan.data.config import ManifestConfig
from sagan.data.image_folder import ImageFolder
from sagan.data.manifest import build_manifest
from sagan.validation.config import DataValidationConfig

BASE = Path(__file__).parents[2] / "conf/base/parameters_data_validation.yml"
SMALL = {
    "min_classes": 2,
    "max_classes": 5,
    "min_train_images_per_class": 4,
    "max_bad_fraction": 0.1,
    "min_side_px": 8,
    "max_side_px": 100,
}


def parameters(**thresholds: float) -> dict[str, Any]:
    """What `conf/base` says, with small thresholds."""
    values = yaml.safe_load(BASE.read_text())["data_validation"]
    values["thresholds"] |= SMALL | thresholds
    return values


def small_config(**thresholds: float) -> DataValidationConfig:
    return DataValidationConfig(**parameters(**thresholds))


def one_expectation(table: str = "images", **entry: Any) -> DataValidationConfig:
    """A suite of a single critical expectation."""
    expectation = {"description": "as it should be", **entry}
    return DataValidationConfig(suite={table: {"the_one": expectation}})


def manifest_of(root: Path) -> pd.DataFrame:
    return build_manifest(ImageFolder.open(root), ManifestConfig(workers=1))
