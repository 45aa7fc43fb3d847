"""Parameters of data validation, and the schema of the expectation suites.

The suites are in Great Expectations' own JSON form, `conf/base/expectations`. They refer to a
number in `thresholds`, which environments can override, as `{"$PARAMETER": name}`.
"""

from typing import Any, Literal

from pydantic import Field

from sagan.common.schema import Config
from sagan.data.config import ManifestConfig

Table = Literal["images", "decodable_images", "classes", "dataset"]
Severity = Literal["critical", "warning"]


class DataValidationConfig(Config):
    """Data validation: reading the images and checking the suites."""

    manifest: ManifestConfig = ManifestConfig()
    thresholds: dict[str, int | float] = Field(
        default={}, description='Numbers that the suites refer to as {"$PARAMETER": name}'
    )
    severity: dict[str, Literal["critical", "warning", "skip"]] = Field(
        default={},
        description="Severity by name of the expectation, overrides its suite; skip: not checked",
    )
    known_classes: str | None = Field(
        default=None,
        description="Names that class folders must have, in the order of their labels: ilsvrc2012, "
        "or a file with one per line; null: any",
    )
    pictures: int = Field(
        default=24, ge=0, le=200, description="Failed images that the pages show, at most"
    )


class ExpectationMeta(Config):
    """Fields that the suites add to Great Expectations' own."""

    name: str = Field(min_length=1, description="Its name, unique in all suites")


class ExpectationConfig(Config):
    """One expectation of a suite, in Great Expectations' own form."""

    type: str = Field(description="Great Expectations' type, expect_...")
    kwargs: dict[str, Any] = Field(description="Its keyword arguments; columns of the table")
    severity: Severity = Field(
        default="critical", description="critical: a failure stops the run; warning: it is reported"
    )
    description: str = Field(description="What is expected, in the user's words")
    meta: ExpectationMeta
    # other fields that the library writes
    id: str | None = None
    notes: str | list[str] | None = None
    rendered_content: Any = None


class SuiteConfig(Config):
    """One file of `conf/base/expectations`: all that is expected of one table."""

    name: str = Field(description="Name of the table")
    expectations: list[ExpectationConfig] = Field(min_length=1)
    meta: dict[str, Any] = Field(default={}, description="Great Expectations' version and notes")
    # other fields that the library writes
    id: str | None = None
    notes: str | list[str] | None = None
