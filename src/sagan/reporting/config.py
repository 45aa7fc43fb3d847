"""Configuration of the reporting pipeline (`params:reporting`)."""

from pydantic import Field, PositiveInt

from sagan.common.schema import Config


class ReportingConfig(Config):
    """How the report page looks."""

    title: str = Field("Self-Attention GAN", min_length=1, description="the page's heading")
    curve_points: int = Field(
        300, ge=10, description="points per curve at most; more are averaged in groups"
    )
    classes_listed: PositiveInt = Field(
        40, description="classes whose image counts are listed; with more, a summary"
    )
