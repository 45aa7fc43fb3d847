"""Configuration of the export station (`params:export`)."""

from pydantic import Field, PositiveFloat, PositiveInt

from sagan.schema import Config


class ExportConfig(Config):
    """What the shared folder says and holds."""

    title: str = Field("SAGAN generator", min_length=1, description="the card's heading")
    license: str | None = Field(
        None,
        description="of the weights, as the Hugging Face Hub writes it ('mit'); null: not stated",
    )
    limits: str | None = Field(
        None, description="a paragraph of your own about what the generator is not for; null: none"
    )
    raw_weights: bool = Field(
        True,
        description="give the raw weights away too, where the bundle holds them beside averaged "
        "ones",
    )
    program: bool = Field(
        True, description="leave generator.pt2 too, a program that runs without this project"
    )
    checked_samples: PositiveInt = Field(
        8, description="samples drawn by both program and generator, to compare them [images]"
    )
    tolerance: PositiveFloat = Field(
        1e-4, description="largest difference allowed between the two [pixels are -1..1]"
    )
