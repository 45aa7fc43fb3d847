"""Quality gate: only data that passed validation goes on."""

import logging
from typing import TYPE_CHECKING, Any

from sagan.data.manifest.build import ImageRecord, data_hash
from sagan.data.validation_status import ValidationFailedError, require_passed_validation

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


def pass_gate(manifest: "pd.DataFrame", report: dict[str, Any]) -> "pd.DataFrame":
    """Return the decodable rows if the report passed; log warnings and a summary.

    Args:
        manifest: one row an image.
        report: the report of `validate_manifest` on this very manifest.

    Returns:
        The manifest's decodable rows.

    Raises:
        ValidationFailedError: with the reasons.
    """
    require_passed_validation(report, data_hash(manifest), "the images are not validated")
    validated = manifest[manifest["decodable"].astype(bool)].reset_index(drop=True)
    incomplete = validated[list(ImageRecord._fields)].isna().any(axis=1)
    if incomplete.any():
        raise ValidationFailedError(
            f"{int(incomplete.sum()):,} rows of the manifest have nulls in one of the columns "
            f"{', '.join(ImageRecord._fields)}; make it again"
        )
    for warning in report["warnings"]:
        logger.warning("%s", warning)
    checked = report["expectations"]
    logger.info(
        "%s images pass: %d of %d expectations are met, including all critical ones",
        f"{len(validated):,}",
        sum(expectation["passed"] for expectation in checked),
        len(checked),
    )
    return validated
