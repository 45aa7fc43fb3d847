"""Configuration of completion."""

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from sagan.common.schema import Config, Seed


class EncoderConfig(Config):
    """The encoder that starts the search, trained once for a generator."""

    steps: PositiveInt = Field(2000, description="training steps of the encoder")
    batch_size: PositiveInt = Field(64, description="samples of the generator in a step")
    base_channels: PositiveInt = Field(32, description="channels of its first feature map")
    lr: PositiveFloat = Field(1e-3, description="learning rate of Adam, which falls to 0")


class CompletionConfig(Config):
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
    encoder: EncoderConfig = EncoderConfig()
