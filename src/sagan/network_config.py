"""What a generator and a discriminator are built from; the defaults are the authors' release.

Image size and number of classes are facts of the data and come from the shards.
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from sagan.common.schema import Config

IMAGE_SIZES = tuple(4 * 2**doublings for doublings in range(1, 8))
"""Sides that the networks can have [px]: 4x4 doubled up to seven times, 8 to 512."""


def check_image_size(image_size: int) -> int:
    """The side itself, if doublings of 4x4 lead to it [px].

    Raises:
        ValueError: with the nearest sides below and above.
    """
    if image_size in IMAGE_SIZES:
        return image_size
    below = [size for size in IMAGE_SIZES if size < image_size][-1:]
    above = [size for size in IMAGE_SIZES if size > image_size][:1]
    raise ValueError(
        f"no networks for images of {image_size} px, whose side must be 4 doubled one to seven "
        f"times; nearest: {' and '.join(map(str, below + above))} px"
    )


ImageSize = Annotated[int, AfterValidator(check_image_size)]

_SMALLEST_MAP = 8  # the generator's first block makes it; attention has nothing smaller to follow
_ATTENTION = (
    "feature map sides followed by self-attention; []: none; null: by the images' side, 32 as in "
    "the paper, or half the side where that is less [px]"
)
_FORM = (
    "released: keys and values pooled 2x2, C/2 value channels; scaled: the same, logits times a "
    "learned factor that starts at 32; paper: its text, C/8, not pooled; "
    "residual: a residual block of similar size instead of attention"
)
_GAIN = "of the 3x3 kernels' Xavier start (SNGAN: 1.4142)"


def attention_side(image_size: int) -> int:
    """Side of the feature map that attention follows where no list says otherwise [px].

    The released networks for 128 px have it at 32 px. The discriminator's largest feature map has
    half the images' side.
    """
    return min(32, image_size // 2)


class GeneratorConfig(Config):
    """Shape of the generator (table 'Generator' of the release: gf 64, z 128)."""

    base_channels: PositiveInt = Field(64, description="channels at full resolution ('gf')")
    latent_dim: PositiveInt = Field(128, description="length of z")
    class_conditional: bool = Field(
        True, description="batch-norm gain and bias for each class; false: the same for all"
    )
    attention_resolutions: tuple[PositiveInt, ...] | None = Field(None, description=_ATTENTION)
    attention_form: Literal["released", "scaled", "paper", "residual"] = Field(
        "released", description=_FORM
    )
    spectral_norm: bool = Field(True, description="normalise every convolution and linear layer")
    conv_gain: PositiveFloat = Field(1.0, description=_GAIN)
    batch_norm_momentum: float = Field(
        0.001, gt=0, le=1, description="weight of a new batch in the conditional running statistics"
    )
    final_batch_norm_momentum: float = Field(
        0.0001, gt=0, le=1, description="the same for the last batch norm, which is unconditional"
    )

    def for_image_size(self, image_size: int) -> Self:
        """The same with the attention resolutions that null means for images of this side [px]."""
        if self.attention_resolutions is not None:
            return self
        side = max(_SMALLEST_MAP, attention_side(image_size))
        return self.model_copy(update={"attention_resolutions": (side,)})


class DiscriminatorConfig(Config):
    """Shape of the discriminator (df 64, projection head)."""

    base_channels: PositiveInt = Field(64, description="channels after the first block ('df')")
    head: Literal["projection", "classifier", "none"] = Field(
        "projection",
        description="class conditioning: projection (SAGAN, SNGAN), an auxiliary classifier "
        "beside the logit (AC-GAN), or none (unconditional)",
    )
    block_width: Literal["wide", "thin"] = Field(
        "wide",
        description="channels between a block's convolutions: wide, of its output; thin, of its "
        "input (SNGAN)",
    )
    attention_resolutions: tuple[PositiveInt, ...] | None = Field(None, description=_ATTENTION)
    attention_form: Literal["released", "scaled", "paper", "residual"] = Field(
        "released", description=_FORM
    )
    spectral_norm: bool = Field(
        True, description="normalise every convolution, linear and embedding"
    )
    conv_gain: PositiveFloat = Field(1.0, description=_GAIN)

    def for_image_size(self, image_size: int) -> Self:
        """The same with the attention resolutions that null means for images of this side [px]."""
        if self.attention_resolutions is not None:
            return self
        return self.model_copy(update={"attention_resolutions": (attention_side(image_size),)})


class ModelConfig(Config):
    """Both networks."""

    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()

    def for_image_size(self, image_size: int) -> Self:
        """The same with the attention resolutions that null means for images of this side [px]."""
        return self.model_copy(
            update={
                "generator": self.generator.for_image_size(image_size),
                "discriminator": self.discriminator.for_image_size(image_size),
            }
        )

    @model_validator(mode="after")
    def _both_know_the_classes_or_neither(self) -> Self:
        if self.generator.class_conditional != (self.discriminator.head != "none"):
            raise ValueError(
                f"generator.class_conditional is {self.generator.class_conditional} but "
                f"discriminator.head is '{self.discriminator.head}': without classes set "
                "class_conditional to false and head to none, with classes neither"
            )
        return self
