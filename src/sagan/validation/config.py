"""Parameters of station 2: how images are checked, and what is expected of them.

The suite is data: Great Expectations' own types and keyword arguments, each under a name. A number
that presets change stands in `thresholds` and is quoted in the suite as `{$PARAMETER: name}`.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sagan.data.config import ManifestConfig
from sagan.schema import Config, unknown_key

Table = Literal["images", "decodable_images", "classes", "dataset"]


class ExpectationConfig(Config):
    """One expectation of the suite."""

    type: str = Field(description="Great Expectations' type, expect_...")
    kwargs: dict[str, Any] = Field(description="Its keyword arguments; columns of the table")
    severity: Literal["critical", "warning"] = Field(
        default="critical", description="critical: a failure stops the run; warning: it is told"
    )
    description: str = Field(description="What is expected, in the user's words")


Expectations = Annotated[dict[str, ExpectationConfig | None], Field(min_length=1)]


class DataValidationConfig(Config):
    """Station 2: reading the images, the suite, and its thresholds."""

    manifest: ManifestConfig = ManifestConfig()
    thresholds: dict[str, int | float] = Field(
        default={}, description="Numbers that the suite quotes as {$PARAMETER: name}"
    )
    suite: dict[Table, Expectations] = Field(
        min_length=1,
        description="Expectations by table and name; null in place of one switches it off",
    )

    def expectations(self) -> Iterator[tuple[Table, str, ExpectationConfig]]:
        """Table, name and content of every expectation that is switched on."""
        for table, named in self.suite.items():
            for name, expectation in named.items():
                if expectation is not None:
                    yield table, name, expectation

    @model_validator(mode="after")
    def _something_is_expected(self) -> Self:
        if not any(entry.severity == "critical" for _, _, entry in self.expectations()):
            raise ValueError(
                "suite has no critical expectation, so nothing could fail; expected at least one"
            )
        return self

    @model_validator(mode="after")
    def _thresholds_and_suite_agree(self) -> Self:
        quoted = {name for _, _, entry in self.expectations() for name in _quoted(entry.kwargs)}
        # an expectation that is switched off still accounts for its threshold
        missing = sorted(quoted - self.thresholds.keys())
        spare = sorted(self.thresholds.keys() - quoted) if not self._has_switched_off() else []
        problems = [f"suite quotes a threshold that is not set: '{name}'" for name in missing]
        problems += [f"thresholds: {unknown_key(name, quoted)}" for name in spare]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _has_switched_off(self) -> bool:
        return any(entry is None for named in self.suite.values() for entry in named.values())


def _quoted(value: Any) -> Iterator[str]:  # noqa: ANN401 - any part of an expectation's kwargs
    """Names of the thresholds that a part of an expectation quotes."""
    if isinstance(value, dict):
        if isinstance(value.get("$PARAMETER"), str):
            yield value["$PARAMETER"]
        for part in value.values():
            yield from _quoted(part)
    elif isinstance(value, list):
        for part in value:
            yield from _quoted(part)
