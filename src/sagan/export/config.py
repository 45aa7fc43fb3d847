"""Configuration of the export pipeline (`params:export`)."""

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from sagan.common.schema import Config


class ExportConfig(Config):
    """What the exported folder contains."""

    title: str = Field("SAGAN generator", min_length=1, description="heading of the model card")
    license: str | None = Field(
        None,
        description="licence of the weights, as on the Hugging Face Hub ('mit'); null: not stated",
    )
    limits: str | None = Field(
        None, description="your own paragraph on what the generator is not for; null: none"
    )
    raw_weights: bool = Field(
        True,
        description="include the raw weights if the bundle has them beside averaged ones",
    )
    program: bool = Field(
        True, description="also write generator.pt2, a program that runs without this project"
    )
    onnx: bool = Field(
        False,
        description="also write generator.onnx, checked with onnxruntime; it takes the extra onnx",
    )
    space: bool = Field(
        False,
        description="also write space/, a Gradio app for a Space of the Hugging Face Hub; it takes "
        "the program",
    )
    checked_samples: PositiveInt = Field(
        8, description="samples by which exported programs and generator are compared [images]"
    )
    tolerance: PositiveFloat = Field(
        1e-4, description="largest difference allowed between the two [pixel values, -1..1]"
    )

    @model_validator(mode="after")
    def _require_program(self) -> Self:
        if self.space and not self.program:
            raise ValueError("space shows the exported program: set program to true as well")
        return self
