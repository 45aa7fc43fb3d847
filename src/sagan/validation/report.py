"""The validation report: all findings as plain JSON, whether it passed or not."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from sagan.common.files import json_sha256
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

# keeps the report readable if every image is broken; the quarantine table has them all
QUARANTINE_LISTED = 1000


def validate_manifest(
    manifest: "pd.DataFrame",
    documents: Mapping[str, Any],
    config: DataValidationConfig,
    folder: ImageFolder | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check the suites against the manifest.

    Args:
        manifest: one row an image.
        documents: the suites' parsed JSON by table.
        config: thresholds, severities, known classes.
        folder: the images, for thumbnails of offenders and titles of classes; None: without.

    Returns:
        The report, with the keys `passed`, `data_hash`, `suites_hash`, `counts`, `expectations`,
        `skipped`, `failures`, `warnings`, `class_histogram`, `class_titles`, `facts`,
        `quarantine`, `offenders`, `pictures`, `versions`; and Great Expectations' own results by
        table, for `data_docs_page`.
    """
    suites = read_suites(documents, config)
    tables = build_tables(manifest, read_known_classes(config.known_classes))
    results, gx_results = run_suite(tables, suites.expected, config.thresholds)
    failed = [result for result in results if not result.passed]
    totals = {str(name): column.iloc[0].item() for name, column in tables["dataset"].items()}
    report = {
        # without any expectation nothing was checked
        "passed": bool(results) and all(result.severity != "critical" for result in failed),
        "data_hash": data_hash(manifest),
        "suites_hash": json_sha256(documents),
        "counts": totals,
        "expectations": [result.summary() for result in results],
        "skipped": [skipped._asdict() for skipped in suites.skipped],
        "failures": _sentences(failed, "critical"),
        "warnings": _sentences(failed, "warning"),
        "class_histogram": _histogram(tables["classes"]),
        "class_titles": dict(folder.class_titles) if folder else {},
        "facts": _facts(tables["decodable_images"]),
        "quarantine": _quarantine_listed(manifest),
        "offenders": {result.name: result.offenders for result in failed if result.offenders},
        "pictures": _pictures(folder, tables["images"], failed, config.pictures),
        "versions": {"great_expectations": version("great_expectations")},
    }
    return report, gx_results


def quarantine(manifest: "pd.DataFrame") -> "pd.DataFrame":
    """Every image that cannot be decoded: a table of path, split, class, reason, size and hash."""
    columns = ["path", "split", "class_name", "reason", "bytes", "sha256"]
    return manifest.loc[~manifest["decodable"].astype(bool), columns].reset_index(drop=True)


def _sentences(failed: list[ExpectationResult], severity: str) -> list[str]:
    return [result.sentence() for result in failed if result.severity == severity]


def _histogram(classes: "pd.DataFrame") -> dict[str, dict[str, int]]:
    """Images by class and split."""
    columns = (classes[name].tolist() for name in ("class_name", "train_images", "val_images"))
    return {
        str(name): {"train": train, "val": val} for name, train, val in zip(*columns, strict=True)
    }


def _facts(decodable: "pd.DataFrame") -> dict[str, Any]:
    """Formats, modes and ranges of the decodable images."""
    facts: dict[str, Any] = {
        name: {str(kind): int(count) for kind, count in decodable[name].value_counts().items()}
        for name in ("format", "mode", "orientation")
    }
    for name in ("width", "height", "bytes"):
        values = decodable[name].dropna().to_numpy(dtype="int64")
        if len(values):
            median = float(np.median(values))
            facts[name] = {"min": int(values.min()), "median": median, "max": int(values.max())}
    return facts


def _quarantine_listed(manifest: "pd.DataFrame") -> list[dict[str, str]]:
    """The first images that cannot be decoded; `counts.bad_images` has their number."""
    rows = quarantine(manifest).head(QUARANTINE_LISTED)[["path", "reason"]]
    return [
        {"path": str(path), "reason": str(reason)}
        for path, reason in rows.itertuples(index=False, name=None)
    ]


def _pictures(
    folder: ImageFolder | None, images: "pd.DataFrame", failed: list[ExpectationResult], limit: int
) -> list[dict[str, Any]]:
    """Thumbnails of offenders, each beside the image that it duplicates."""
    if folder is None:
        return []
    wanted: dict[str, list[tuple[str, str]]] = {}
    known = set(images["path"]) if failed and limit else set()
    for result in failed:
        for path, value in result.offending_rows:
            if path not in known or result.name == "every_image_decodes":
                continue
            beside = [(value, "")] if value in known else []
            caption = "" if beside or value in {"True", "False"} else value
            wanted.setdefault(result.name, []).extend([(path, caption), *beside])
    return offender_pictures(folder.path, wanted, limit)
