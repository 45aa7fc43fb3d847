"""Decoding of image files to RGB: one defined rule for all formats.

The rule. Grayscale is repeated over the three channels; CMYK is converted by Pillow; of 16 bits the
high byte is kept; palettes are looked up; transparent pixels are laid over white; of an animation
the first frame counts; colour profiles and EXIF orientation are ignored, as ImageNet's loaders do.

JPEG and PNG files of 8-bit gray or RGB, nearly all there are, are decoded by torchvision, which is
the fastest; everything else, and what torchvision refuses, by Pillow. A large JPEG may be asked for
at a half, a quarter or an eighth of its size, which its decoder makes by leaving out frequencies.
"""

import io
import struct
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sagan.data.manifest.inspection import ALPHA_MODES, DEEP_MODES, FORMATS, MODES

# markers of a JPEG that begin a frame, and those that stand alone, without a length
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset(range(0xD0, 0xD9)) | {0x01}


class JpegHeader(NamedTuple):
    """The header of a JPEG file."""

    width: int
    height: int
    components: int
    bits: int

    @property
    def is_plain(self) -> bool:
        """Whether it is gray or colour of 8 bits, as nearly all are."""
        return self.bits == 8 and self.components in (1, 3)


def jpeg_header(data: bytes) -> JpegHeader | None:
    """The header of a JPEG file, read without decoding; None if there is none."""
    if data[:2] != b"\xff\xd8":
        return None
    place = 2
    while place + 9 < len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in _FRAMES:
            bits, height, width, components = struct.unpack_from(">BHHB", data, place + 4)
            return JpegHeader(width, height, components, bits)
        if marker == 0xFF:  # padding
            place += 1
        elif marker in _ALONE:
            place += 2
        else:
            place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return None


def decode_rgb(data: bytes, reduction: int = 1) -> Tensor:
    """Decode an image file that validation found sound.

    Args:
        data: the file's bytes.
        reduction: 1, 2, 4 or 8; above 1 only for a plain JPEG.

    Returns:
        uint8 [3, H, W], 0..255.

    Raises:
        OSError, ValueError: if it cannot be decoded.
    """
    header = jpeg_header(data)
    if header is not None and header.is_plain:
        pixels = decode_with_torchvision(data) if reduction == 1 else None
        if pixels is not None:
            return pixels
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if reduction > 1:
            image.draft(image.mode, (image.width // reduction, image.height // reduction))
        elif (
            image.format in {"JPEG", "MPO", "PNG"}
            and image.mode in {"L", "RGB"}
            and "transparency" not in image.info
        ):
            pixels = decode_with_torchvision(data)
            if pixels is not None:
                return pixels
        return _decode_with_pillow(image)


def decode_with_torchvision(data: bytes) -> Tensor | None:
    """Pixels as uint8 [3, H, W], or None where torchvision refuses or the file has 16 bits."""
    from torchvision.io import ImageReadMode, decode_image

    try:
        pixels = decode_image(
            torch.frombuffer(bytearray(data), dtype=torch.uint8), mode=ImageReadMode.RGB
        )
    except RuntimeError:
        return None
    return pixels if pixels.dtype == torch.uint8 else None


def _decode_with_pillow(image: Image.Image) -> Tensor:
    if image.mode not in MODES:
        raise ValueError(f"pixel mode '{image.mode}' has no defined conversion to RGB")
    if image.mode in DEEP_MODES:
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ALPHA_MODES or "transparency" in image.info:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, picture)
    rgb = np.array(image if image.mode == "RGB" else image.convert("RGB"))  # [H, W, 3]
    return torch.from_numpy(rgb).permute(2, 0, 1)
