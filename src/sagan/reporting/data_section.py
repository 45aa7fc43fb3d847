"""The report's section on the data: images by class, and the validation's findings."""

from typing import Any

from sagan.common.naming import full_names
from sagan.html.format import bars, table_rows, words
from sagan.reporting.summary_section import Facts


def data_summary(validation_report: Facts, classes_listed: int) -> dict[str, Any]:
    """The validation's findings.

    Args:
        validation_report: Of the data validation.
        classes_listed: Largest number of classes that are listed one by one.

    Returns:
        `classes` (bars) or, for many classes, `class_summary`; `counts` and `facts` of the images;
        `expectations`, each with its outcome, and `outcome` of all; `quarantine`, the files left
        out and why; `skipped`, expectations that were not checked; `pictures` of offenders.
    """
    report, histogram = validation_report, validation_report.get("class_histogram", {})
    names = full_names(map(str, histogram), report.get("class_titles", {}))
    by_class = {
        name: sum(splits.values()) for name, splits in zip(names, histogram.values(), strict=True)
    }
    few = len(by_class) <= classes_listed
    failed = sum(not outcome["passed"] for outcome in report.get("expectations", ()))
    return {
        "classes": bars(by_class) if few else [],
        "class_summary": [] if few else table_rows(class_summary(by_class)),
        "counts": table_rows(
            {words(name): value for name, value in report.get("counts", {}).items()}
            | {words(name): value for name, value in report.get("facts", {}).items()}
            | {"data hash": report.get("data_hash")}
        ),
        "expectations": [
            {
                "sign": "passed" if outcome["passed"] else f"failed ({outcome['severity']})",
                "description": outcome["description"],
                "observed": outcome["observed"],
            }
            for outcome in report.get("expectations", ())
        ],
        "outcome": f", {failed} of them failed" if failed else ", all passed",
        "skipped": report.get("skipped", []),
        "pictures": report.get("pictures", []),
        "quarantine": report.get("quarantine", []),
    }


def class_summary(images_by_class: Facts) -> Facts:
    """How evenly the images fall on the classes."""
    counts = sorted(images_by_class.values())
    return {
        "classes": len(counts),
        "fewest images in a class": counts[0],
        "median": counts[len(counts) // 2],
        "most": counts[-1],
    }
