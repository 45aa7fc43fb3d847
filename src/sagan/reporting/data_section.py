"""What the report says of the data: images by class, and what the validation found."""

from collections.abc import Mapping, Sequence
from typing import Any

from sagan.common.naming import full_names
from sagan.reporting.summary_section import Facts, label, rows


def data_summary(validation_report: Facts, classes_listed: int) -> dict[str, Any]:
    """The validation's findings.

    Args:
        validation_report: As the data validation station leaves it.
        classes_listed: Up to so many classes are shown one by one.

    Returns:
        `classes` (bars) or, for many classes, `class_summary`; `counts` and `facts` of the images;
        `expectations`, each with its outcome, and `outcome` of all; `quarantine`, the files left
        out and why; `skipped`, expectations that were not looked at; `pictures` of offenders.
    """
    report, histogram = validation_report, validation_report.get("class_histogram", {})
    names = full_names(map(str, histogram), report.get("class_titles", {}))
    by_class = {
        name: sum(splits.values()) for name, splits in zip(names, histogram.values(), strict=True)
    }
    few = len(by_class) <= classes_listed
    return {
        "classes": class_bars(by_class) if few else [],
        "class_summary": [] if few else rows(class_summary(by_class)),
        "counts": rows(
            {label(name): value for name, value in report.get("counts", {}).items()}
            | {label(name): value for name, value in report.get("facts", {}).items()}
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
        "outcome": _outcome(report.get("expectations", ())),
        "skipped": report.get("skipped", []),
        "pictures": report.get("pictures", []),
        "quarantine": report.get("quarantine", []),
    }


def _outcome(expectations: Sequence[Facts]) -> str:
    failed = sum(not outcome["passed"] for outcome in expectations)
    return f", {failed} of them failed" if failed else ", all passed"


def class_bars(images_by_class: Mapping[str, int]) -> list[dict[str, Any]]:
    """One bar a class; `percent` is relative to the largest."""
    largest = max(images_by_class.values(), default=0) or 1
    return [
        {"name": name, "value": f"{count:,}", "percent": 100 * count / largest}
        for name, count in images_by_class.items()
    ]


def class_summary(images_by_class: Mapping[str, int]) -> Facts:
    """How evenly the images fall on the classes."""
    counts = sorted(images_by_class.values())
    return {
        "classes": len(counts),
        "fewest images in a class": counts[0],
        "median": counts[len(counts) // 2],
        "most": counts[-1],
    }
