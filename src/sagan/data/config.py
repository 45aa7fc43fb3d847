"""Parameters of the data rooms: where images come from, how they are checked and resized."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sagan.schema import Config

# Pillow refuses to open anything larger than twice its own warning limit
PILLOW_LIMIT_PIXELS = 178_956_970


class AcquisitionConfig(Config):
    """Station 1: which source becomes the image folder."""

    source: Literal["digits", "folder"] = Field(
        default="folder",
        description="'digits': scikit-learn's handwritten digits; 'folder': your class folder",
    )
    path: str | None = Field(
        default=None,
        description="Root of the class folder, for source 'folder' only; read in place",
    )

    @model_validator(mode="after")
    def _a_path_needs_the_folder_source(self) -> Self:
        if self.source == "digits" and self.path is not None:
            raise ValueError(
                f"path is '{self.path}' but source is 'digits', which takes no path; "
                "use source 'folder' for your own images"
            )
        return self


class ManifestConfig(Config):
    """Station 2, first half: how the images are read and checked."""

    workers: int = Field(default=0, ge=0, description="Threads; 0 takes all cores")
    max_pixels: int = Field(
        default=89_478_485,
        gt=0,
        le=PILLOW_LIMIT_PIXELS,
        description="Width x height above which an image is refused before it is decoded",
    )
    max_file_bytes: int = Field(
        default=268_435_456, gt=0, description="File size above which an image is refused unread"
    )


class PreprocessingConfig(Config):
    """Station 3: how images become shards."""

    image_size: Literal[16, 32, 64, 128, 256] = Field(
        default=128, description="Side of the square images, pixels"
    )
    resizer: Literal["bicubic_antialias", "bilinear_antialias"] = Field(
        default="bicubic_antialias", description="Interpolation, by name"
    )
    shard_images: int = Field(default=4096, gt=0, description="Images in one shard file")
    workers: int = Field(default=0, ge=0, description="Threads; 0 takes all cores")
