"""The validation report: everything found, as plain JSON, whether or not the gate will open."""

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import data_hash
from sagan.validation.config import DataValidationConfig
from sagan.validation.known_classes import read_known_classes
from sagan.validation.pictures import offender_pictures
from sagan.validation.suite import ExpectationResult, run_suite
from sagan.validation.suites import read_suites
from sagan.validation.tables import build_tables

if TYPE_CHECKING:
    import pandas as pd

# a report stays readable even where every image is broken; the quarantine list has them all
QUARANTINE_LISTED = 1000


def validate_manifest(
    manifest: "pd.DataFrame",
    documents: Mapping[str, Any],
    config: DataValidationConfig,
    folder: ImageFolder | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Hold the suites against the manifest.

    Args:
        manifest: one row an image.
        documents: the suites' parsed JSON by table.
        config: thresholds, severities, known classes.
        folder: the images, for pictures of offenders and names of classes; None goes without.

    Returns:
        The report, with the keys `passed`, `data_hash`, `suites_hash`, `counts`, `expectations`,
        `skipped`, `failures`, `warnings`, `class_histogram`, `class_titles`, `facts`,
        `quarantine`, `offenders`, `pictures`, `versions`; and Great Expectations' own results by
        table, for `data_docs_page`.
    """
    suites = read_suites(documents, config)
    tables = build_tables(manifest, read_known_classes(config.known_classes))
    outcomes, results = run_suite(tables, suites.expected, config.thresholds)
    failed = [outcome for outcome in outcomes if not outcome.passed]
    totals = {str(name): column.iloc[0].item() for name, column in tables["dataset"].items()}
    report = {
        # no expectation at all is no success either
        "passed": bool(outcomes) and all(outcome.severity != "critical" for outcome in failed),
        "data_hash": data_hash(manifest),
        "suites_hash": _suites_hash(documents),
        "counts": totals,
        "expectations": [outcome.summary() for outcome in outcomes],
        "skipped": [skipped._asdict() for skipped in suites.skipped],
        "failures": _sentences(failed, "critical"),
        "warnings": _sentences(failed, "warning"),
        "class_histogram": _histogram(tables["classes"]),
        "class_titles": dict(folder.class_titles) if folder else {},
        "facts": _facts(tables["decodable_images"]),
        "quarantine": _quarantine_listed(manifest),
        "offenders": {outcome.name: outcome.offenders for outcome in failed if outcome.offenders},
        "pictures": _pictures(folder, tables["images"], failed, config.pictures),
        "versions": {"great_expectations": version("great_expectations")},
    }
    return report, results


def quarantine(manifest: "pd.DataFrame") -> "pd.DataFrame":
    """Every image that does not go on, and why: a table of path, split, class, reason, size."""
    columns = ["path", "split", "class_name", "reason", "bytes", "sha256"]
    return manifest.loc[~manifest["decodable"].astype(bool), columns].reset_index(drop=True)


def _suites_hash(documents: Mapping[str, Any]) -> str:
    text = json.dumps(documents, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _sentences(failed: list[ExpectationResult], severity: str) -> list[str]:
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
        name: {str(kind): int(count) for kind, count in decodable[name].value_counts().items()}
        for name in ("format", "mode")
    }
    for name in ("width", "height", "bytes"):
        values = decodable[name].dropna().to_numpy(dtype="int64")
        if len(values):
            median = float(np.median(values))
            facts[name] = {"min": int(values.min()), "median": median, "max": int(values.max())}
    return facts


def _quarantine_listed(manifest: "pd.DataFrame") -> list[dict[str, str]]:
    """The first images that do not go on, and why; `counts.bad_images` has their number."""
    rows = quarantine(manifest).head(QUARANTINE_LISTED)[["path", "reason"]]
    return [
        {"path": str(path), "reason": str(reason)}
        for path, reason in rows.itertuples(index=False, name=None)
    ]


def _pictures(
    folder: ImageFolder | None, images: "pd.DataFrame", failed: list[ExpectationResult], limit: int
) -> list[dict[str, Any]]:
    """Pictures of offenders, beside those that they are copies of."""
    if folder is None:
        return []
    wanted: dict[str, list[tuple[str, str]]] = {}
    known = set(images["path"]) if failed and limit else set()
    for outcome in failed:
        for path, said in outcome.offending_rows:
            if path not in known or outcome.name == "every_image_decodes":
                continue
            beside = [(said, "")] if said in known else []
            caption = "" if beside or said in {"True", "False"} else said
            wanted.setdefault(outcome.name, []).extend([(path, caption), *beside])
    return offender_pictures(folder.path, wanted, limit)
