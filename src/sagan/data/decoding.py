"""Decoding of image files to RGB: one defined rule for all formats.

The rule. Grayscale is repeated over the three channels; CMYK is converted by Pillow; of 16 bits the
high byte is kept, or values up to a given one are scaled; palettes are looked up; transparent
pixels are laid over white; of an animation the first frame counts; colour profiles are ignored.
EXIF orientation is applied on request, in every format alike; else pixels are as stored, as
ImageNet's loaders leave them.

JPEG and PNG files of 8-bit gray or RGB, nearly all there are, are decoded by torchvision, which is
the fastest; everything else, and what torchvision refuses, by Pillow. A large JPEG may be asked for
at a half, a quarter or an eighth of its size, which its decoder makes by leaving out frequencies.
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from sagan.data.manifest.inspection import (
    ALPHA_MODES,
    DEEP_MODES,
    MODES,
    describe_mode,
    open_image,
    orientation_of,
)

# colours that torchvision converts as the rule says
_PLAIN_MODES = frozenset({"L", "RGB"})
_JPEG = frozenset({"JPEG", "MPO"})  # MPO is a JPEG with a second picture behind the first

_BITS_PER_SAMPLE = 258  # of TIFF
_PNG_DEPTH = 24  # place of the number of bits
_INVERSE = {6: 8, 8: 6}  # orientations that undo others; the rest undo themselves


def is_plain_jpeg(image: Image.Image) -> bool:
    """Whether it is a gray or colour JPEG, as nearly all are."""
    return image.format in _JPEG and image.mode in _PLAIN_MODES


def decode_rgb(
    data: bytes, reduction: int = 1, *, upright: bool = False, white_level: int | None = None
) -> Tensor:
    """Decode an image file that validation found sound.

    Args:
        data: the file's bytes.
        reduction: 1, 2, 4 or 8; above 1 only for a plain JPEG.
        upright: Whether to turn the image by its EXIF orientation.
        white_level: The value of a 16-bit image that becomes 255; None: 65,535, by the high byte.

    Returns:
        uint8 [3, H, W], 0..255.

    Raises:
        OSError, ValueError: if it cannot be decoded.
    """
    with open_image(data) as image:
        turned_by_pillow = image.format == "TIFF"
        orientation = orientation_of(image, data) if upright or turned_by_pillow else 1
        pixels = _as_decoded(image, data, reduction, white_level)
    if turned_by_pillow:
        return pixels if upright else turn_upright(pixels, _INVERSE.get(orientation, orientation))
    return turn_upright(pixels, orientation)


def turn_upright(pixels: Tensor, orientation: int) -> Tensor:
    """Turn and mirror an image [..., H, W] by its EXIF orientation, 1..8 (EXIF 2.3, 4.6.4)."""
    if orientation >= 5:
        pixels = pixels.transpose(-2, -1)
    flipped = {2: (-1,), 3: (-2, -1), 4: (-2,), 6: (-1,), 7: (-2, -1), 8: (-2,)}.get(orientation)
    return pixels.flip(flipped) if flipped else pixels


def _as_decoded(image: Image.Image, data: bytes, reduction: int, white_level: int | None) -> Tensor:
    if reduction > 1:
        image.draft(image.mode, (image.width // reduction, image.height // reduction))
    elif is_plain_jpeg(image) or (
        image.format == "PNG" and image.mode in _PLAIN_MODES and "transparency" not in image.info
    ):
        pixels = decode_with_torchvision(data)
        if pixels is not None:
            return pixels
    return _decode_with_pillow(image, data, white_level)


def _has_deep_colours(image: Image.Image, data: bytes) -> bool:
    """Whether it has 16 bits in several channels, of which Pillow reads the high byte alone."""
    if image.mode in DEEP_MODES:
        return False
    if image.format == "TIFF":
        bits: tuple[int, ...] = cast("Any", image).tag_v2.get(_BITS_PER_SAMPLE, (8,))
        return max(bits) > 8
    return image.format == "PNG" and data[_PNG_DEPTH] > 8


def _from_deep_colours(image: Image.Image, data: bytes, white_level: int | None) -> Image.Image:
    """An image of several channels of 16 bits in 8: their transparent colour is alpha 0."""
    if image.format != "PNG":
        raise ValueError(
            "preprocessing.white_level cannot scale the 16 bits of a TIFF in colour: convert it to "
            "a 16-bit PNG"
        )
    from torchvision.io import ImageReadMode, decode_image

    content = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    values = decode_image(content, mode=ImageReadMode.UNCHANGED).permute(1, 2, 0).numpy()
    colours = 3 if values.shape[-1] >= 3 else 1
    small = (values >> 8).astype(np.uint8)
    small[..., :colours] = _scaled(values[..., :colours], white_level)
    alpha = small[..., colours:]
    if "transparency" in image.info:
        kept = (values != np.array(image.info["transparency"])).any(axis=-1, keepdims=True)
        alpha = np.where(kept, np.uint8(255), np.uint8(0))
    opaque = np.full_like(small[..., :1], 255) if alpha.shape[-1] == 0 else alpha
    colour = np.broadcast_to(small[..., :colours], (*small.shape[:2], 3))
    return Image.fromarray(np.concatenate([colour, opaque], axis=-1))


def _scaled(values: NDArray[np.uint16], white_level: int | None) -> NDArray[np.uint8]:
    if white_level is None:
        return (values >> 8).astype(np.uint8)
    scaled: NDArray[np.float64] = np.minimum(values / white_level, 1.0) * 255
    return np.rint(scaled).astype(np.uint8)


def _eight_bits(image: Image.Image, white_level: int | None) -> NDArray[np.uint8]:
    """Pixels of a 16-bit image as bytes [H, W]; those of its transparent value are white."""
    values = np.asarray(image)
    grey = _scaled(values, white_level)
    transparent = image.info.get("transparency")
    return grey if transparent is None else np.where(values == transparent, np.uint8(255), grey)


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


def _decode_with_pillow(image: Image.Image, data: bytes, white_level: int | None) -> Tensor:
    if image.mode not in MODES:
        raise ValueError(describe_mode(image.mode))
    if _has_deep_colours(image, data) and (white_level or "transparency" in image.info):
        image = _from_deep_colours(image, data, white_level)
    if image.mode in DEEP_MODES:
        image = Image.fromarray(_eight_bits(image, white_level))
    elif image.mode in ALPHA_MODES or "transparency" in image.info:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, picture)
    rgb = np.array(image if image.mode == "RGB" else image.convert("RGB"))  # [H, W, 3]
    return torch.from_numpy(rgb).permute(2, 0, 1)
