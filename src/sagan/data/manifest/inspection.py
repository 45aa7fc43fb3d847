"""Inspection of one image file: its facts, and its fault if it cannot be used.

Each file is read and decoded completely, because truncation shows only at the end. Only Pillow is
used, so that a manifest can be built without torch.
"""

import hashlib
import io
import stat
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError, features

from sagan.data.config import ManifestConfig
from sagan.data.image_folder import ImagePath
from sagan.data.manifest.pillow_warnings import reading

# formats that Pillow may open: it would start Ghostscript for a PostScript file
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000")
# a TGA has no signature at its start, and anything may look like one; version 2 has one at its end
_TGA_END = b"TRUEVISION-XFILE.\0"
_SIGNATURES = {
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"qoif": "QOI",
    b"DDS ": "DDS",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"\x93NUMPY": "NumPy",
}
# of files of the MPEG-4 family, by the brand at byte 8; which package decodes them
_BRANDS = {
    **dict.fromkeys(("heic", "heix", "hevc", "mif1", "msf1"), ("HEIC", "pillow-heif")),
    **dict.fromkeys(("avif", "avis"), ("AVIF", "a Pillow with AVIF")),
}
ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N", "I"})
_DEEP_WHITE = 65_535
GREY_MODES = DEEP_MODES | {"1", "L", "LA", "La"}
MODES = ALPHA_MODES | DEEP_MODES | {"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"}

_PNG_EXIF = (b"eXIf", b"Raw profile type", b"tiff:Orientation")  # forms that Pillow reads


class ImageFacts(NamedTuple):
    """Facts of one file; None if the file could not be read that far."""

    width: int | None = None
    height: int | None = None
    mode: str | None = None
    format: str | None = None
    orientation: int | None = None
    """EXIF orientation: 1 is upright, 2..8 are mirrored or turned."""
    brightest: float | None = None
    """Its highest value in any channel as a part of the largest that its format has, 0..1."""
    bytes: int | None = None
    sha256: str | None = None
    decodable: bool = False
    reason: str | None = None
    """Why it cannot be decoded."""


def inspect_image(
    root: Path, config: ManifestConfig, image: ImagePath
) -> tuple[ImagePath, ImageFacts]:
    """Facts of one file of an image folder; a name that is not UTF-8 is escaped."""
    if (escaped := escape_name(image.path)) != image.path:
        return image._replace(path=escaped), ImageFacts(reason="file name is not UTF-8")
    with reading(image.path):
        return image, inspect_file(root / image.path, config)


def escape_name(name: str) -> str:
    """A file name that Parquet and JSON can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return name


def inspect_file(path: Path, config: ManifestConfig) -> ImageFacts:
    """Read, hash and decode one file; any fault becomes the reason."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return ImageFacts(reason="not a regular file")
        size, limit = status.st_size, config.max_file_bytes
        if size > limit:
            reason = f"file of {size:,} bytes; max_file_bytes is {limit:,}"
            return ImageFacts(bytes=size, reason=reason)
        data = path.read_bytes()
    except OSError as error:
        return ImageFacts(reason=f"cannot be read: {error.strerror}")
    facts = ImageFacts(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    if not data:
        return facts._replace(reason="empty file (0 bytes)")
    return _decode(data, facts, config.max_pixels)


def _decode(data: bytes, facts: ImageFacts, max_pixels: int) -> ImageFacts:
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # some other library may have set it
    try:
        with open_image(data) as image:
            facts = facts._replace(
                width=image.width, height=image.height, mode=image.mode, format=image.format
            )
            if image.width * image.height > max_pixels:
                declared = f"{image.width:,} x {image.height:,} pixels declared"
                limit = f"max_pixels is {max_pixels:,}"
                return facts._replace(reason=f"decompression bomb: {declared}; {limit}")
            if image.mode not in MODES:
                return facts._replace(reason=describe_mode(image.mode))
            orientation = orientation_of(image, data)
            image.load()
            lowest, highest = _extrema(image)
            facts = facts._replace(orientation=orientation, brightest=highest)
            if not 0 <= lowest <= highest <= 1:
                raise ValueError("32-bit values outside 0 .. 65,535; convert it to 16 bits")
    except UnidentifiedImageError as error:
        return facts._replace(reason=str(error))
    except Image.DecompressionBombError as error:
        return facts._replace(reason=f"decompression bomb: {error}")
    except MemoryError:
        raise
    # a decoder fed with garbage may raise anything: SyntaxError, struct.error, IndexError, ...
    except Exception as error:
        return facts._replace(reason=f"cannot be decoded: {type(error).__name__}: {error}")
    return facts._replace(decodable=True)


def open_image(data: bytes) -> Image.Image:
    """An image file, of which Pillow reads the header only until pixels are asked for.

    Raises:
        UnidentifiedImageError: if it is of no format that is read here; says what it is.
    """
    tga = ("TGA",) if data.endswith(_TGA_END) else ()
    try:
        return Image.open(io.BytesIO(data), formats=(*FORMATS, *optional_formats(), *tga))
    except UnidentifiedImageError:  # its own words name an object in memory
        raise UnidentifiedImageError(_describe_content(data)) from None


@cache
def optional_formats() -> tuple[str, ...]:
    """AVIF and HEIF, as far as the installed packages decode them."""
    if find_spec("pillow_heif"):
        import_module("pillow_heif").register_heif_opener()
    found = ("AVIF",) if features.check("avif") else ()
    return (*found, "HEIF") if find_spec("pillow_heif") else found


def _extrema(image: Image.Image) -> tuple[float, float]:
    """The lowest and highest value of all channels, or of its grey values; black 0, white 1."""
    if image.mode in DEEP_MODES:
        deep = np.asarray(image)
        return float(deep.min()) / _DEEP_WHITE, float(deep.max()) / _DEEP_WHITE
    plain = image if image.mode in ("L", "RGB") else image.convert("L")
    values = np.array(plain.getextrema())
    return float(values.min()) / 255, float(values.max()) / 255


def orientation_of(image: Image.Image, data: bytes) -> int:
    """EXIF orientation of an opened image file, 1..8; 1 where it has none that can be read.

    Args:
        image: The image, whose pixels were not read yet.
        data: The file's bytes.
    """
    if image.format == "PNG":
        if not any(mark in data for mark in _PNG_EXIF):
            return 1
        image.load()  # its EXIF may follow the pixels
    try:
        value: Any = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged metadata of a sound image
        return 1
    return int(value) if value in range(1, 9) else 1


def describe_mode(mode: str) -> str:
    """Why a pixel mode of Pillow is not read, and what to do."""
    depth = "16-bit grey, scaled to 0..65,535" if mode == "F" else "8-bit RGB"
    return f"pixel mode '{mode}' has no defined conversion to RGB; convert it to {depth}"


def _describe_content(data: bytes) -> str:
    brand = data[8:12].decode("latin-1") if data[4:8] == b"ftyp" else ""
    if brand in _BRANDS:
        name, package = _BRANDS[brand]
        if {"HEIC": "HEIF"}.get(name, name) in optional_formats():
            return f"damaged {name} image"
        return (
            f"{name} image, which needs {package}; install it, or convert the image to PNG or JPEG"
        )
    for mark, name in _SIGNATURES.items():
        if data.startswith(mark):
            return f"{name} file, which is not read; convert it to PNG or JPEG"
    start = data[:512].lstrip().lower()
    if start.startswith(b"<"):
        return "not an image but HTML or XML"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data[:512]):
        return "not an image but text" if data else "an empty file"
    return "not an image of a known format"
