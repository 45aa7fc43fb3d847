"""What a generator and a discriminator are built from; the defaults are the authors' release.

Image size and number of classes are facts of the data and come from the shards.
"""

from pydantic import Field, PositiveInt

from sagan.schema import Config


class GeneratorConfig(Config):
    """Shape of the generator (table 'Generator' of the release: gf 64, z 128)."""

    base_channels: PositiveInt = Field(64, description="channels at full resolution ('gf')")
    latent_dim: PositiveInt = Field(128, description="length of z")
    attention_resolutions: tuple[PositiveInt, ...] = Field(
        (32,), description="feature map sides [px] followed by self-attention"
    )
    spectral_norm: bool = Field(True, description="normalise every convolution and linear layer")
    batch_norm_momentum: float = Field(
        0.001, gt=0, le=1, description="weight of a new batch in the conditional running statistics"
    )
    final_batch_norm_momentum: float = Field(
        0.0001, gt=0, le=1, description="the same for the last, unconditional batch norm"
    )


class DiscriminatorConfig(Config):
    """Shape of the discriminator (df 64, projection head)."""

    base_channels: PositiveInt = Field(64, description="channels after the first block ('df')")
    attention_resolutions: tuple[PositiveInt, ...] = Field(
        (32,), description="feature map sides [px] followed by self-attention"
    )
    spectral_norm: bool = Field(
        True, description="normalise every convolution, linear and embedding"
    )


class ModelConfig(Config):
    """Both networks."""

    generator: GeneratorConfig = GeneratorConfig()
    discriminator: DiscriminatorConfig = DiscriminatorConfig()
