"""Configuration of completion (`params:completion`)."""

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from sagan.common.schema import Config, DeviceName, Seed


class EncoderConfig(Config):
    """The encoder that starts the search, trained once for a generator."""

    steps: PositiveInt = Field(1500, description="training steps of the encoder")
    batch_size: PositiveInt = Field(32, description="samples of the generator in a step")
    base_channels: PositiveInt = Field(32, description="channels of its first feature map")
    lr: PositiveFloat = Field(1e-3, description="learning rate of Adam, which falls to 0")


class SearchConfig(Config):
    """Search of latents that explain the visible pixels."""

    seed: Seed = Field(0, description="seed of the encoder, the starts and random masks")
    candidates: PositiveInt = Field(4, description="completions of an image")
    refine_steps: NonNegativeInt = Field(
        25, description="steps of gradient descent from each start"
    )
    pixel_std: PositiveFloat = Field(
        0.2, description="standard deviation of a pixel around the generator's, of -1..1"
    )
    lr: PositiveFloat = Field(0.05, description="learning rate of Adam on the latents")
    max_classes: PositiveInt = Field(
        32, description="classes tried where the class is not given, the most probable ones"
    )
    class_weight: NonNegativeFloat = Field(
        10.0,
        description="weight of the encoder's log probability of a class; above 1, since the errors "
        "of neighbouring pixels are alike and their likelihood counts them as independent",
    )
    realism_weight: NonNegativeFloat = Field(
        10.0, description="weight of the discriminator's output, where one is given"
    )
    encoder: EncoderConfig = EncoderConfig()


class CompletionConfig(SearchConfig):
    """Images to complete, what is hidden of them, and the search."""

    images: str | None = Field(
        None,
        min_length=1,
        description="an image or a folder of images; null: validation images of the shards",
    )
    num_images: PositiveInt = Field(
        10, description="validation images at most, of evenly chosen classes; without `images`"
    )
    mask: str = Field(
        "lower_half",
        min_length=1,
        description="what is hidden: lower_half, left_half, center, surgical_mask, random, alpha, "
        "none, a box left,top,right,bottom, or the path of a mask image",
    )
    class_name: str | None = Field(
        None, description="class of all images, by name, title or number; null: unknown"
    )
    discriminator: str | None = Field(
        None,
        min_length=1,
        description="a training run's folder or a checkpoint, whose discriminator judges "
        "completions; null: none does",
    )
    tile_px: PositiveInt = Field(64, description="side of an image on the sheet, about [px]")
    device: DeviceName = Field("auto", description="where it runs; auto: CUDA if available")
