"""Configuration of the evaluation (`params:evaluation`).

The defaults are the paper's protocol: Inception features of 50,000 samples against the training
set. Scores are comparable under one protocol only, so the metrics file records these settings.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from sagan.common.schema import (
    AffectsMeasurement,
    AffectsNothing,
    Config,
    DeviceName,
    Seed,
    deep_merge,
    unknown_key,
)
from sagan.metrics.named_protocols import (
    NAMES,
    PROTOCOLS,
    QUICK,
    QUICK_SETTINGS,
    configured_entries,
    differences,
    not_followed_message,
)

MIN_SAMPLES = 2  # a covariance, and a pair, need two


class ClassifierConfig(Config):
    """The small convolutional network trained on the validated data."""

    epochs: PositiveInt = Field(12, description="passes over the reference split")
    base_channels: PositiveInt = Field(
        16, description="channels of the first stage, doubled at each further one"
    )
    feature_dim: PositiveInt = Field(64, description="length of the penultimate layer's output")
    learning_rate: PositiveFloat = Field(
        3e-3, description="of Adam, at the peak of a one-cycle schedule"
    )
    batch_size: PositiveInt = Field(64, description="images in one update")
    seed: Seed = Field(0, description="seed of weights and data order")


class KernelConfig(Config):
    """The kernel distance (KID)."""

    subsets: PositiveInt = Field(100, description="random subsets whose mean is the distance")
    subset_size: int = Field(
        1000, ge=MIN_SAMPLES, description="samples, and real images, in each at most"
    )


class NeighboursConfig(Config):
    """Precision, recall, density and coverage: in which neighbourhoods."""

    precision_recall_k: PositiveInt = Field(
        3, description="k of the k-nearest-neighbour radius for precision and recall"
    )
    density_coverage_k: PositiveInt = Field(
        5, description="k of the k-nearest-neighbour radius for density and coverage"
    )


class SweepConfig(Config):
    """Distance, precision and recall over truncations of the latents."""

    truncations: tuple[Annotated[float, Field(ge=0.01)], ...] = Field(
        (), description="truncations to measure, in standard deviations; empty: none"
    )
    num_samples: int = Field(
        10_000, ge=MIN_SAMPLES, description="generated images at each truncation"
    )


class EvaluationConfig(Config):
    """How samples are compared with real images."""

    protocol: AffectsMeasurement[str | None] = Field(
        None,
        description="named protocol that must be followed; quick sets num_samples, kept_reference, "
        "bootstrap_resamples, extrapolation_points and sweep itself; null: any",
    )

    features: AffectsMeasurement[Literal["inception", "classifier", "rotation"]] = Field(
        "inception",
        description="whose features the Fréchet distance compares: pytorch-fid's Inception (the "
        "number is called fid), the classifier's (fd_classifier), or those of the same network "
        "trained without class labels, to predict how images are turned (fd_rotation)",
    )
    num_samples: AffectsMeasurement[int] = Field(
        50_000, ge=MIN_SAMPLES, description="generated images"
    )
    labels: AffectsMeasurement[Literal["reference", "even"]] = Field(
        "reference",
        description="classes asked for: in the frequencies of the real images compared with, or "
        "evenly over the classes, as the named protocols do",
    )
    weights: AffectsMeasurement[Literal["ema", "raw"] | None] = Field(
        None,
        description="of the generator: averaged (ema), or raw, those of the last step; null: "
        "averaged if the run has them",
    )
    reference_split: AffectsMeasurement[str] = Field(
        "train", description="real images that samples are compared with"
    )
    reference_count: AffectsMeasurement[int | None] = Field(
        None,
        ge=MIN_SAMPLES,
        description="random subset of that split for the Fréchet distance; null: all",
    )
    seed: AffectsMeasurement[Seed] = Field(0, description="seed of the latents")
    truncation: AffectsMeasurement[float | None] = Field(
        None, ge=0.01, description="of the latents, in standard deviations; null: none"
    )
    batch_size: AffectsNothing[PositiveInt] = Field(
        64, description="images generated and measured at once"
    )
    inception_resizer: AffectsMeasurement[Literal["pytorch_fid", "pil_bicubic"]] = Field(
        "pytorch_fid",
        description="to Inception's 299 px: pytorch-fid's own (bilinear, not antialiased), or as "
        "clean-fid does (PIL's bicubic, antialiased, in floats: the number is fid_pil_bicubic)",
    )
    inception_weights: AffectsNothing[Path | None] = Field(
        None, description="file of Inception's weights; null: torch's cache"
    )
    inception_sha256: AffectsMeasurement[str | None] = Field(
        None,
        pattern="^[0-9a-f]{8,64}$",
        description="SHA-256 of that file, or its beginning; null: the published file's",
    )
    classifier: AffectsMeasurement[ClassifierConfig | None] = Field(
        None, description="null: no classifier is trained, and recognition is not measured"
    )
    diversity_images: AffectsMeasurement[int] = Field(
        100, ge=MIN_SAMPLES, description="images per class for within-class diversity, at most"
    )
    diversity_classes: AffectsMeasurement[PositiveInt] = Field(
        100, description="classes whose diversity is measured, at most, evenly chosen"
    )
    kept_samples: AffectsMeasurement[int] = Field(
        50_000,
        ge=MIN_SAMPLES,
        description="generated images whose features are kept (a random subset), for kernel "
        "distance, nearest neighbours, distances within classes and resampling; 4 bytes per number",
    )
    kept_reference: AffectsMeasurement[int] = Field(
        50_000, ge=MIN_SAMPLES, description="the same for the real images of each split"
    )
    label_score_splits: AffectsMeasurement[PositiveInt] = Field(
        10,
        description="parts for the standard deviation of the Inception (or classifier) score",
    )
    kernel: AffectsMeasurement[KernelConfig | None] = Field(
        KernelConfig(), description="null: no kernel distance"
    )
    neighbours: AffectsMeasurement[NeighboursConfig | None] = Field(
        NeighboursConfig(), description="null: no precision, recall, density and coverage"
    )
    intra_class: AffectsMeasurement[bool] = Field(
        True, description="whether to measure the Fréchet distance within each class"
    )
    memorisation: AffectsMeasurement[bool] = Field(
        True, description="whether to compare distances to training images with those of val images"
    )
    projected_images: AffectsMeasurement[NonNegativeInt] = Field(
        0,
        description="validation images of each class, of 20 classes at most, for which the nearest "
        "image that the generator makes is searched; 0: none (an encoder is trained: minutes). "
        "Not part of scores while training, nor of comparisons",
    )
    accuracy_samples: AffectsMeasurement[NonNegativeInt] = Field(
        0,
        description="samples to train a classifier on, which is tested on real images; 0: none "
        "(it takes as long as training the classifier)",
    )
    repeats: AffectsMeasurement[PositiveInt] = Field(
        1,
        description="sets of num_samples; above 1, numbers are means over the sets, with intervals",
    )
    bootstrap_resamples: AffectsMeasurement[NonNegativeInt] = Field(
        50, description="for the interval of the distance, if repeats is 1; 0: none"
    )
    extrapolation_points: AffectsMeasurement[NonNegativeInt] = Field(
        15,
        description="sample sizes from which the distance is extrapolated to infinitely many; "
        "0: none; nor with 50,000 samples and more",
    )
    sweep: AffectsMeasurement[SweepConfig] = Field(SweepConfig(), description="over truncations")
    device: AffectsNothing[DeviceName] = Field(
        "auto", description="where networks run; auto: CUDA if available"
    )

    @model_validator(mode="after")
    def _check_named_protocol(self) -> Self:
        if self.protocol in {None, QUICK}:
            return self
        if self.protocol not in PROTOCOLS:
            raise ValueError(unknown_key(str(self.protocol), NAMES).replace("key", "protocol"))
        differing = differences(self.protocol, configured_entries(self.model_dump()))
        if differing:
            raise ValueError(not_followed_message(self.protocol, differing))
        return self

    def followed(self) -> Self:
        """The same with the parameters that the protocol sets itself: only `quick` has such."""
        if self.protocol != QUICK:
            return self
        return type(self)(**deep_merge(self.model_dump(), QUICK_SETTINGS))

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        for name in ("accuracy_samples", "bootstrap_resamples", "extrapolation_points"):
            if getattr(self, name) == 1:
                raise ValueError(f"{name}: one is too few to measure anything; 0 for none, or more")
        return self

    @model_validator(mode="after")
    def _check_classifier(self) -> Self:
        for name, needs_it in (
            ("accuracy_samples", self.accuracy_samples > 0),
            (f"features: {self.features}", self.features != "inception"),
        ):
            if needs_it and self.classifier is None:
                raise ValueError(f"{name} needs the block 'classifier', got null")
        return self
