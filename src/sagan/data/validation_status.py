"""Validation status: pipelines that read images or shards require a passed report of that data.

The report itself is written by `sagan.validation`.
"""

from collections.abc import Mapping
from typing import Any

from sagan.common.text import visible

SAME_PARAMETERS = "with the same --params as before"  # or shards get the files' image size
EMPTY_TABLE = "an empty table"  # what was found if no image is left to check


class ValidationFailedError(ValueError):
    """The data set is not fit to train on; the message gives every reason."""


def require_passed_validation(
    report: object, found_hash: object, consequence: str, pipelines: str = "data_validation"
) -> None:
    """Check that a report is of this very data set, and that it passed.

    Args:
        report: a validation report, unchecked.
        found_hash: data hash of the images that are about to be used.
        consequence: what happens otherwise, for the message.
        pipelines: pipelines to run again, for the message.

    Raises:
        ValidationFailedError: if it is of another data set, checked nothing, or did not pass.
    """
    run = f"kedro run --pipelines={pipelines} {SAME_PARAMETERS}"
    again = f"{consequence}; run {run}"
    if not isinstance(report, Mapping):
        raise ValidationFailedError(f"the validation report is empty: {again}")
    expected = report.get("data_hash")
    if found_hash != expected:
        raise ValidationFailedError(
            f"the validation report belongs to another data set (data hash {expected}; found "
            f"{found_hash}): {again}"
        )
    if not report.get("expectations"):
        raise ValidationFailedError(
            f"the validation report has no expectations; nothing was checked: {again}"
        )
    if report.get("passed") is not True:
        raise ValidationFailedError(_message(report))


def _message(report: Mapping[str, Any]) -> str:
    failures = report.get("failures", [])
    many = "expectation" if len(failures) == 1 else "expectations"
    lines = [f"the data set failed {len(failures)} critical {many}:"]
    unchecked = [text.partition(":")[0] for text in failures if text.endswith(EMPTY_TABLE)]
    lines += [f"- {failure}" for failure in failures if not failure.endswith(EMPTY_TABLE)]
    if unchecked:
        lines.append(f"- not checked, because there was {EMPTY_TABLE}: {', '.join(unchecked)}")
    bad = report.get("quarantine", [])
    if bad:
        count = report["counts"]["bad_images"]
        lines.append(f"{count:,} {'image' if count == 1 else 'images'} cannot be decoded:")
        lines += [visible(f"- {image['path']}: {image['reason']}") for image in bad[:5]]
        lines += ["- ..."] if len(bad) > 5 else []
    lines.append(
        "repair the images, or change what is expected (data_validation.thresholds, .severity, "
        "conf/base/expectations), then validate again; all details, with pictures, are in "
        "data_docs.html and validation_report.json"
    )
    return "\n".join(lines)
