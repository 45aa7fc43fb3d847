"""What one image file is: its facts, and whether and why it cannot be used.

Each file is read whole and decoded to the end, because a truncated image shows only there.
Pillow alone does it, so that a manifest can be made without torch.
"""

import hashlib
import io
import stat
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageFile, UnidentifiedImageError

from sagan.data.config import ManifestConfig

# formats that Pillow may open: it would start Ghostscript for a PostScript file
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
ALPHA_MODES = frozenset({"LA", "La", "PA", "RGBA", "RGBa"})
DEEP_MODES = frozenset({"I;16", "I;16B", "I;16L", "I;16N"})
MODES = ALPHA_MODES | DEEP_MODES | {"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr"}


class ImageFacts(NamedTuple):
    """What the manifest tells of one file; unknown where the file could not be read that far."""

    width: int | None = None
    height: int | None = None
    mode: str | None = None
    format: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    decodable: bool = False
    reason: str | None = None
    """Why it cannot be decoded."""


def inspect_file(path: Path, config: ManifestConfig) -> ImageFacts:
    """Read, hash and decode one file; whatever is wrong with it becomes the reason."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return ImageFacts(reason="not a regular file")
        if status.st_size > config.max_file_bytes:
            return _too_large(path, status.st_size, config.max_file_bytes)
        data = path.read_bytes()
    except OSError as error:
        return ImageFacts(reason=f"cannot be read: {error.strerror}")
    facts = ImageFacts(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    if not data:
        return facts._replace(reason="empty file (0 bytes)")
    return _decode(data, facts, config.max_pixels)


def _too_large(path: Path, size: int, limit: int) -> ImageFacts:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    reason = f"file of {size:,} bytes; max_file_bytes is {limit:,}"
    return ImageFacts(bytes=size, sha256=digest, reason=reason)


def _decode(data: bytes, facts: ImageFacts, max_pixels: int) -> ImageFacts:
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # some other library may have set it
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            facts = facts._replace(
                width=image.width, height=image.height, mode=image.mode, format=image.format
            )
            if image.width * image.height > max_pixels:
                return facts._replace(reason=_bomb(image.width, image.height, max_pixels))
            if image.mode not in MODES:
                return facts._replace(
                    reason=f"pixel mode '{image.mode}' has no defined conversion to RGB"
                )
            image.load()
    except UnidentifiedImageError:
        return facts._replace(reason=_what_it_is_instead(data))
    except Image.DecompressionBombError as error:
        return facts._replace(reason=f"decompression bomb: {error}")
    except MemoryError:
        raise
    # a decoder fed with garbage may raise anything: SyntaxError, struct.error, IndexError, ...
    except Exception as error:
        return facts._replace(reason=f"cannot be decoded: {type(error).__name__}: {error}")
    return facts._replace(decodable=True)


def _bomb(width: int, height: int, limit: int) -> str:
    return f"decompression bomb: {width:,} x {height:,} pixels declared; max_pixels is {limit:,}"


def _what_it_is_instead(data: bytes) -> str:
    start = data[:512].lstrip().lower()
    if start.startswith(b"<"):
        return "not an image but HTML or XML"
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data[:512]):
        return "not an image but text"
    return "not an image of a known format"
