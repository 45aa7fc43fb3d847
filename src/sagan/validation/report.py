"""The validation report: everything found, as plain JSON, whether or not the gate will open."""

from collections import Counter
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from sagan.data.manifest import data_hash
from sagan.validation.config import DataValidationConfig
from sagan.validation.suite import Outcome, run_suite
from sagan.validation.tables import build_tables

if TYPE_CHECKING:
    import pandas as pd

# a report stays readable even where every image is broken; the manifest has them all
QUARANTINE_LISTED = 1000


def validate_manifest(
    manifest: "pd.DataFrame", config: DataValidationConfig
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Hold the suite against the manifest.

    Returns:
        The report, with the keys `passed`, `data_hash`, `counts`, `expectations`, `failures`,
        `warnings`, `class_histogram`, `facts`, `quarantine`, `offenders`, `versions`; and Great
        Expectations' own results by table, for `data_docs_page`.
    """
    tables = build_tables(manifest)
    outcomes, results = run_suite(tables, config)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    totals = {str(name): column.iloc[0].item() for name, column in tables["dataset"].items()}
    report = {
        # no expectation at all is no success either
        "passed": bool(outcomes) and all(outcome.severity != "critical" for outcome in failed),
        "data_hash": data_hash(manifest),
        "counts": totals,
        "expectations": [outcome._asdict() for outcome in outcomes],
        "failures": _sentences(failed, "critical"),
        "warnings": _sentences(failed, "warning"),
        "class_histogram": _histogram(tables["classes"]),
        "facts": _facts(tables["decodable_images"]),
        "quarantine": _quarantine(manifest),
        "offenders": {outcome.name: outcome.offenders for outcome in failed if outcome.offenders},
        "versions": {"great_expectations": version("great_expectations")},
    }
    return report, results


def _sentences(failed: list[Outcome], severity: str) -> list[str]:
    return [outcome.sentence() for outcome in failed if outcome.severity == severity]


def _histogram(classes: "pd.DataFrame") -> dict[str, dict[str, int]]:
    """Images by class and split."""
    columns = (classes[name].tolist() for name in ("class_name", "train_images", "val_images"))
    return {
        str(name): {"train": train, "val": val} for name, train, val in zip(*columns, strict=True)
    }


def _facts(decodable: "pd.DataFrame") -> dict[str, Any]:
    """Formats, modes and the range of sides of the images that go on."""
    facts: dict[str, Any] = {
        name: dict(Counter(decodable[name].tolist()).most_common()) for name in ("format", "mode")
    }
    for name in ("width", "height", "bytes"):
        values = decodable[name].dropna().to_numpy(dtype="int64")
        if len(values):
            median = float(np.median(values))
            facts[name] = {"min": int(values.min()), "median": median, "max": int(values.max())}
    return facts


def _quarantine(manifest: "pd.DataFrame") -> list[dict[str, str]]:
    """The first images that do not go on, and why; `counts.bad_images` has their number."""
    bad = manifest.loc[~manifest["decodable"].astype(bool), ["path", "reason"]]
    return [
        {"path": str(path), "reason": str(reason)}
        for path, reason in bad.head(QUARANTINE_LISTED).itertuples(index=False, name=None)
    ]
