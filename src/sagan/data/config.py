"""Parameters of acquisition, of the manifest and of preprocessing."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from sagan.common.naming import split_names
from sagan.common.schema import Config
from sagan.network_config import ImageSize

# Pillow refuses to open anything larger than twice its own warning limit
PILLOW_LIMIT_PIXELS = 178_956_970


Source = Literal[
    "digits",
    "folder",
    "ilsvrc2012",
    "kaggle",
    "tiny_imagenet",
    "cifar10",
    "cifar100",
    "imagenette",
    "stl10",
]
TORCHVISION_SETS = frozenset({"cifar10", "cifar100", "imagenette", "stl10"})
_TAKE_LABELS = frozenset({"folder", "ilsvrc2012"})


def _listed(value: Any) -> Any:  # noqa: ANN401 - raw input of any shape
    """A list, also as one string, which a command line passes with least quoting."""
    if isinstance(value, str):
        return split_names(value, separators=",;")
    return value if isinstance(value, Sequence) or value is None else [value]


Names = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]


class AcquisitionConfig(Config):
    """Acquisition: which source becomes the image folder, and which part of it."""

    source: Source = Field(default="folder", description="What `path` holds, by name")
    path: str | None = Field(
        default=None,
        description="Path of the source: a folder, an archive, or a pattern such as "
        "'/data/classes-*.tar'; for torchvision's sets, their files, or a copy sorted into classes",
    )
    val_labels: str | None = Field(
        default=None,
        description="Labels of a val/ without class folders, where the source has none of its own: "
        "the devkit, Kaggle's LOC_val_solution.csv, or lines of 'file,class'",
    )
    train_labels: str | None = Field(
        default=None,
        description="Labels of training images without class folders: lines of 'file,class', or "
        "NVIDIA's dataset.json, which is found where the images are",
    )
    val_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of the images kept for validation where there is no val/, chosen by "
        "the hash of their content; null: none",
    )
    classes: Names | None = Field(
        default=None,
        description="Only these classes, by folder name or human name; a list, or one string "
        "separated by ; or , (a name with one of these in quotes), or @FILE with one per line",
    )
    first_classes: int | None = Field(
        default=None, ge=1, description="Only the first n classes by folder name"
    )
    images_per_class: int | None = Field(
        default=None, ge=1, description="Only the first n training images of a class by file name"
    )
    val_images_per_class: int | None = Field(
        default=None, ge=1, description="Only the first n validation images of a class"
    )
    download: bool = Field(
        default=True, description="Whether torchvision may download its data sets"
    )
    imagenette_size: Literal["full", "320px", "160px"] = Field(
        default="320px", description="Which of Imagenette's three sizes"
    )

    @model_validator(mode="after")
    def _the_source_takes_what_is_given(self) -> Self:
        if self.source == "digits" and self.path is not None:
            raise ValueError(
                f"path is '{self.path}' but source is 'digits', which takes no path; "
                "use source 'folder' for your own images"
            )
        if self.val_labels is not None and self.source not in _TAKE_LABELS:
            raise ValueError(
                f"val_labels is '{self.val_labels}' but source '{self.source}' has labels of its "
                f"own; only {' and '.join(sorted(_TAKE_LABELS))} take a file of labels"
            )
        if self.train_labels is not None and self.source != "folder":
            raise ValueError(
                f"train_labels is '{self.train_labels}' but source '{self.source}' has labels of "
                "its own; only folder takes a table of them"
            )
        if self.classes is not None and self.first_classes is not None:
            raise ValueError("classes and first_classes exclude each other; give one of them")
        return self


class ManifestConfig(Config):
    """Manifest: how the images are read and checked."""

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


Byte = Annotated[int, Field(ge=0, le=255)]


class PreprocessingConfig(Config):
    """Preprocessing: how images become shards."""

    image_size: ImageSize = Field(
        default=128, description="Side of the square images, pixels: 8, 16, 32, 64, 128, 256 or 512"
    )
    channels: Literal[1, 3] = Field(
        default=3,
        description="Channels of the shards, which both networks follow: 3, or 1 for grey images "
        "(colours are converted by Pillow's L)",
    )
    also_sizes: tuple[ImageSize, ...] = Field(
        default=(), description="More sizes that the same pass writes, each a store of its own"
    )
    resizer: Literal["bicubic_antialias", "bilinear_antialias", "lanczos", "sagan_release"] = Field(
        default="bicubic_antialias", description="Crop and interpolation, by name"
    )
    fit: Literal["crop", "pad", "reflect", "stretch"] = Field(
        default="crop",
        description="How an image becomes a square: crop its centre; keep all of it and pad with a "
        "colour, or with its reflection; or stretch it",
    )
    pad_colour: tuple[Byte, Byte, Byte] = Field(
        default=(255, 255, 255), description="Red, green and blue of fit: pad, 0 to 255"
    )
    orientation: Literal["upright", "as_stored"] | None = Field(
        default=None,
        description="upright: images are turned by their EXIF orientation, in every format; "
        "as_stored: not, as ImageNet's loaders leave them; null: upright for source folder, "
        "as_stored for the published sets",
    )
    white_level: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="Value that becomes white in 16-bit images that use fewer bits: 4095 for 12; "
        "null: 65535",
    )
    shard_images: int = Field(default=4096, gt=0, description="Images in one shard file")
    workers: int = Field(default=0, ge=0, description="Threads; 0 takes all cores")

    @model_validator(mode="after")
    def _the_released_rule_crops(self) -> Self:
        if self.resizer == "sagan_release" and self.fit != "crop":
            raise ValueError(
                f"fit is {self.fit}, but resizer sagan_release is the released code's, which "
                "crops; set fit: crop, or another resizer"
            )
        return self

    def oriented(self, *, published: bool) -> Self:
        """The same, with the default orientation of a published set or of a user's own images."""
        default = "as_stored" if published else "upright"
        return self.model_copy(update={"orientation": self.orientation or default})

    @property
    def sizes(self) -> tuple[int, ...]:
        """All sides, the training's first, each once."""
        return tuple(dict.fromkeys((self.image_size, *self.also_sizes)))
