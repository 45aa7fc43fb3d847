"""From the bytes of an image file to a small square of RGB: one defined rule for all formats.

The rule. Grayscale is repeated over the three channels; CMYK is converted by Pillow; of 16 bits the
high byte is kept; palettes are looked up; transparent pixels are laid over white; of an animation
the first frame counts; colour profiles and EXIF orientation are ignored, as ImageNet's loaders do.
Then the largest centre square is cut out (an odd margin leaves the extra pixel at the right or
bottom) and resized with antialiasing.

JPEG and PNG files of 8-bit gray or RGB, nearly all there are, are decoded by torchvision, which is
the fastest; everything else, and what torchvision refuses, by Pillow.
"""

import io
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sagan.data.inspection import ALPHA_MODES, DEEP_MODES, FORMATS, MODES

if TYPE_CHECKING:
    from torchvision.transforms.v2 import InterpolationMode

# bumped whenever the rule above changes, so that old shards are not taken for new ones
RULE_VERSION = 1


def decode_rgb(data: bytes) -> Tensor:
    """Decode an image file that validation found sound.

    Args:
        data: the file's bytes.

    Returns:
        uint8 [3, H, W], 0..255.

    Raises:
        OSError, ValueError: if it cannot be decoded.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if (
            image.format in {"JPEG", "MPO", "PNG"}
            and image.mode in {"L", "RGB"}
            and "transparency" not in image.info
        ):
            pixels = _decode_with_torchvision(data)
            if pixels is not None:
                return pixels
        return _decode_with_pillow(image)


def square_resize(image: Tensor, image_size: int, resizer: str) -> Tensor:
    """Cut out the largest centre square and resize it with antialiasing.

    Args:
        image: uint8 [3, H, W].
        image_size: side of the result, pixels.
        resizer: a name that `PreprocessingConfig.resizer` allows.

    Returns:
        uint8 [3, image_size, image_size].
    """
    from torchvision.transforms.v2.functional import resize

    height, width = image.shape[-2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[:, top : top + side, left : left + side]
    small: Tensor = resize(square, [image_size] * 2, _interpolation(resizer), antialias=True)
    return small


def _interpolation(resizer: str) -> "InterpolationMode":
    from torchvision.transforms.v2 import InterpolationMode

    modes = {
        "bicubic_antialias": InterpolationMode.BICUBIC,
        "bilinear_antialias": InterpolationMode.BILINEAR,
    }
    return modes[resizer]


def _decode_with_torchvision(data: bytes) -> Tensor | None:
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
        raise ValueError(f"pixel mode '{image.mode}' has no defined way to RGB")
    if image.mode in DEEP_MODES:
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ALPHA_MODES or "transparency" in image.info:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, picture)
    rgb = np.array(image.convert("RGB"))  # [H, W, 3]
    return torch.from_numpy(rgb).permute(2, 0, 1)
