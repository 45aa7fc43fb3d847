"""The gate: what did not pass validation does not go on."""

from typing import TYPE_CHECKING, Any

from sagan.data.manifest import ImageRecord, data_hash

if TYPE_CHECKING:
    import pandas as pd


class ValidationFailed(ValueError):  # noqa: N818 - reads as the sentence that it is
    """The data set is not fit to train on; the message gives every reason."""


def pass_gate(manifest: "pd.DataFrame", report: dict[str, Any]) -> "pd.DataFrame":
    """Let the decodable rows through, if the report says that the data set is sound.

    Args:
        manifest: one row an image.
        report: what `validate_manifest` found about this very manifest.

    Returns:
        The manifest's decodable rows.

    Raises:
        ValidationFailed: with the reasons.
    """
    found, expected = data_hash(manifest), report.get("data_hash")
    if found != expected:
        raise ValidationFailed(
            f"the validation report belongs to another data set (data hash {expected}; the "
            f"manifest's is {found}); run kedro run --pipelines=data_validation"
        )
    if not report.get("expectations"):
        raise ValidationFailed("the validation report holds no expectation; nothing was checked")
    if report.get("passed") is not True:
        raise ValidationFailed(_message(report))
    validated = manifest[manifest["decodable"].astype(bool)].reset_index(drop=True)
    incomplete = validated[list(ImageRecord._fields)].isna().any(axis=1)
    if incomplete.any():
        raise ValidationFailed(
            f"{int(incomplete.sum()):,} rows of the manifest have nulls in one of the columns "
            f"{', '.join(ImageRecord._fields)}; make it again"
        )
    return validated


def _message(report: dict[str, Any]) -> str:
    failures = report.get("failures", [])
    lines = [f"the data set failed {len(failures)} critical expectations:"]
    lines += [f"- {failure}" for failure in failures]
    bad = report.get("quarantine", [])
    if bad:
        lines.append(f"{report['counts']['bad_images']:,} images cannot be decoded:")
        lines += [f"- {image['path']}: {image['reason']}" for image in bad[:5]]
        lines += ["- ..."] if len(bad) > 5 else []
    lines.append(
        "repair the images, or change data_validation.suite or .thresholds in the parameters; "
        "all details are in validation_report.json and data_docs.html"
    )
    return "\n".join(lines)
