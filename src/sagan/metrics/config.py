"""Configuration of the evaluation station (`params:evaluation`).

The defaults are the paper's protocol: Inception features of 50,000 samples against the training
set. A protocol is part of a number's name: what is set here stands beside it in the metrics file.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from sagan.schema import Config

MIN_SAMPLES = 2  # a covariance, and a pair, need two


class ClassifierConfig(Config):
    """The small convolutional network trained on the validated data."""

    epochs: PositiveInt = Field(12, description="passes over the reference split")
    base_channels: PositiveInt = Field(16, description="channels of the first stage; then doubling")
    feature_dim: PositiveInt = Field(64, description="length of the penultimate layer's output")
    learning_rate: PositiveFloat = Field(3e-3, description="Adam's, at its peak (one cycle)")
    batch_size: PositiveInt = Field(64, description="images in one update")
    seed: NonNegativeInt = Field(0, description="of weights and order")


class EvaluationConfig(Config):
    """How samples are compared with real images."""

    features: Literal["inception", "classifier"] = Field(
        "inception",
        description="whose features the Fréchet distance compares: pytorch-fid's Inception (the "
        "number is called fid), or the classifier (it is called fd_classifier)",
    )
    num_samples: int = Field(50_000, ge=MIN_SAMPLES, description="generated images, classes evenly")
    reference_split: str = Field("train", description="real images compared with, all of them")
    seed: NonNegativeInt = Field(0, description="of the generated images' latents")
    truncation: float | None = Field(
        None, ge=0.01, description="of the latents, standard deviations; null: none"
    )
    batch_size: PositiveInt = Field(64, description="images generated and looked at once")
    inception_weights: Path | None = Field(
        None, description="file of Inception's weights; null: torch's cache"
    )
    inception_sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{8,64}$",
        description="SHA-256 of that file, or its beginning; null: the published file's",
    )
    classifier: ClassifierConfig | None = Field(
        None, description="null: none is trained, and recognition is not measured"
    )
    diversity_images: int = Field(
        100, ge=MIN_SAMPLES, description="images a class for within-class diversity, at most"
    )
    diversity_classes: PositiveInt = Field(
        100, description="classes whose diversity is measured at most, evenly chosen"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="where networks run; auto: CUDA if there is any"
    )

    @model_validator(mode="after")
    def _features_need_their_network(self) -> Self:
        if self.features == "classifier" and self.classifier is None:
            raise ValueError("features: classifier needs the block 'classifier', got null")
        return self
