"""Configuration of sampling (`params:sampling`)."""

from typing import Literal

from pydantic import Field, PositiveInt

from sagan.common.schema import Config, DeviceName, Seed


class AttentionMapsConfig(Config):
    """The attention maps, in the style of the paper's figure 1."""

    samples: PositiveInt = Field(4, description="samples shown, of evenly chosen classes")
    query_points: int = Field(5, ge=1, le=8, description="coloured query points per sample")
    tile_px: PositiveInt = Field(160, description="side of a drawn sample, at least about [px]")


class SamplingConfig(Config):
    """Sample grid and attention maps of a generator bundle."""

    seed: Seed = Field(0, description="seed of the latents; sample i is the same in any batch")
    classes: PositiveInt = Field(10, description="rows of the grid at most, classes evenly chosen")
    samples_per_class: PositiveInt = Field(10, description="columns of the grid [images]")
    same_latents: bool = Field(
        False, description="one latent vector per column, so that only the class differs"
    )
    truncation: float | None = Field(
        None,
        ge=0.01,
        description="redraw latent components beyond this many standard deviations; null: none",
    )
    pngs: bool = Field(
        False, description="also write every sample as a PNG, in a folder for each class"
    )
    batch_size: PositiveInt = Field(64, description="images generated at once")
    tile_px: PositiveInt = Field(
        64, description="smaller images are enlarged by a whole factor to about this side [px]"
    )
    attention: AttentionMapsConfig = AttentionMapsConfig()
    device: DeviceName = Field(
        "auto", description="where the generator runs; auto: CUDA if available"
    )


class FilmConfig(Config):
    """A film of samples that change."""

    interpolate: Literal["latents", "classes", "circle", "truncation"] = Field(
        "latents",
        description="what changes: latents become the next of their class, classes the next "
        "class, latents go around a circle, or the truncation falls from 3 to 0.1 std",
    )
    frames: int = Field(48, ge=2, description="pictures of the film")
    fps: int = Field(12, ge=1, le=50, description="pictures a second")
    once: bool = Field(False, description="end at the last picture; else back, and over again")
    format: Literal["webp", "gif", "apng"] = Field(
        "webp", description="of the file; apng is lossless"
    )
    attention: bool = Field(
        False, description="beside each sample, where its marked point attends in each layer"
    )
