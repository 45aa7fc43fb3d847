"""Resizing rules, by name: from a decoded image to a small square.

The default, `bicubic_antialias`: the largest centre square is cut out (an odd margin leaves
the extra pixel at the right or bottom) and resized with antialiasing, on bytes, by torch. Other
ways to a square (`preprocessing.fit`) keep the whole image: padded after it is resized, or
stretched. Of a JPEG so large that at least twice the result is left, a half, a quarter or an eighth
is decoded; the choice is the same for all sizes up to 128 px, so that one decoding serves them all.

| name | crop | interpolation |
|---|---|---|
| `bicubic_antialias` | centre square, margin rounded down | torch, antialiased bicubic |
| `bilinear_antialias` | the same | torch, antialiased bilinear |
| `lanczos` | the same, of the image decoded whole | Pillow's Lanczos, as many GAN codes have it |
| `sagan_release` | centre square, margin rounded up | Pillow's bilinear, and its way to bytes |

`sagan_release` is what the released SAGAN code was fed with: records made by the converter of the
improved-gan release (SciPy's `imresize`, which was Pillow's bilinear), which scaled to -1..1 and
back and cut the fraction off, so that some grey levels came out one lower.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from sagan.common.pixels import with_channels
from sagan.data.decoding import decode_rgb, is_plain_jpeg
from sagan.data.manifest.inspection import open_image

# bumped whenever decoding, crop or interpolation change, so that old shards are not taken for new
RULE_VERSION = 2

_REDUCTIONS = (8, 4, 2)  # that a JPEG decoder knows
_LEAST_LEFT = 2  # times the result's side must be left of a reduced image
_SHARED_SIZE_PX = 128  # sizes up to this share one decoding

# grey levels after the release's way: to -1..1, back, and the fraction cut off
_RELEASE_LEVELS = ((np.arange(256) / 127.5 - 1.0 + 1.0) * (255.0 / 2.0)).astype(np.uint8)


WHITE = (255, 255, 255)


class Resizer(NamedTuple):
    """One rule by name."""

    scale: Callable[[Tensor, tuple[int, int]], Tensor]
    """From uint8 [3, H, W] and a height and width to uint8 [3, height, width]."""
    may_reduce: bool
    """Whether a large JPEG may be decoded at a fraction of its size."""
    margin_up: bool = False
    """Whether half of an odd margin is rounded up."""

    def resize(
        self, image: Tensor, size: int, fit: str = "crop", colour: Sequence[int] = WHITE
    ) -> Tensor:
        """Make a square.

        Args:
            image: uint8 [3, H, W].
            size: side of the square, pixels.
            fit: `crop` the largest centre square; `stretch` the image; scale its longer side and
                `pad` the shorter one with a colour, or `reflect` it there.
            colour: red, green, blue, 0..255; of `pad`.

        Returns:
            uint8 [3, size, size].
        """
        if fit == "crop":
            square = _centre_square(image, margin_up=self.margin_up)
            return self.scale(square, (size, size))
        if fit == "stretch":
            return self.scale(image, (size, size))
        longest = max(image.shape[-2:])
        height, width = (max(1, round(n * size / longest)) for n in image.shape[-2:])
        small = self.scale(image, (height, width))
        return _padded(small, size, colour if fit == "pad" else None)


def squares(
    data: bytes,
    sizes: tuple[int, ...],
    resizer: str,
    *,
    upright: bool = False,
    white_level: int | None = None,
    fit: str = "crop",
    pad_colour: Sequence[int] = WHITE,
    channels: int = 3,
) -> list[NDArray[np.uint8]]:
    """Decode an image file and make its small squares.

    Args:
        data: the file's bytes.
        sizes: sides of the squares, pixels.
        resizer: a name that `PreprocessingConfig.resizer` allows.
        upright: whether to turn the image by its EXIF orientation first.
        white_level: the value of a 16-bit image that becomes 255; None: 65,535.
        fit: how the image becomes a square, as `Resizer.resize` has it.
        pad_colour: of `fit: pad`.
        channels: C, 3 or, for grey squares, 1.

    Returns:
        uint8 [side, side, C] for each side, contiguous; each as if it were made alone.

    Raises:
        OSError, ValueError: if the file cannot be decoded.
    """
    rule = RESIZERS[resizer]
    with open_image(data) as image:
        reductions = [reduction_of(image, size) if rule.may_reduce else 1 for size in sizes]
    decoded = {
        n: decode_rgb(data, n, upright=upright, white_level=white_level) for n in set(reductions)
    }
    small = (
        rule.resize(decoded[n], size, fit, pad_colour)
        for n, size in zip(reductions, sizes, strict=True)
    )
    return [
        np.ascontiguousarray(with_channels(square, channels).permute(1, 2, 0).numpy())
        for square in small
    ]


def reduction_of(image: Image.Image, size: int) -> int:
    """By how much a JPEG is reduced as it is decoded: 1, 2, 4 or 8; 1 for other files."""
    if not is_plain_jpeg(image):
        return 1
    side, least = min(image.size), _LEAST_LEFT * max(size, _SHARED_SIZE_PX)
    return next((n for n in _REDUCTIONS if side // n >= least), 1)


def _centre_square(image: Tensor, *, margin_up: bool = False) -> Tensor:
    """The largest centre square, uint8 [3, S, S]; a view."""
    height, width = image.shape[-2:]
    side = min(height, width)
    top, left = ((length - side + margin_up) // 2 for length in (height, width))
    return image[:, top : top + side, left : left + side]


def _padded(image: Tensor, size: int, colour: Sequence[int] | None) -> Tensor:
    """An image of at most `size` in the middle of a square; None: its reflection fills the rest."""
    height, width = image.shape[-2:]
    top, left = (size - height) // 2, (size - width) // 2
    if colour is None:
        margins = ((0, 0), (top, size - height - top), (left, size - width - left))
        return torch.from_numpy(np.pad(image.numpy(), margins, mode="reflect"))
    square = torch.tensor(colour, dtype=torch.uint8)[:, None, None].repeat(1, size, size)
    square[:, top : top + height, left : left + width] = image
    return square


def _with_torch(mode: str) -> Callable[[Tensor, tuple[int, int]], Tensor]:
    def scale(image: Tensor, sides: tuple[int, int]) -> Tensor:
        # [1, 3, H, W]; byte by byte as in the file, for which torch has its fastest code
        batch = image[None].contiguous(memory_format=torch.channels_last)
        return interpolate(batch, sides, mode=mode, antialias=True)[0]

    return scale


def _with_pillow(image: Tensor, sides: tuple[int, int], method: Image.Resampling) -> Tensor:
    """Pillow's resize."""
    picture = Image.fromarray(np.ascontiguousarray(image.permute(1, 2, 0).numpy()))
    pixels = np.array(picture.resize(sides[::-1], method))
    return torch.from_numpy(pixels).permute(2, 0, 1)


def _lanczos(image: Tensor, sides: tuple[int, int]) -> Tensor:
    return _with_pillow(image, sides, Image.Resampling.LANCZOS)


def _sagan_release(image: Tensor, sides: tuple[int, int]) -> Tensor:
    scaled = _with_pillow(image, sides, Image.Resampling.BILINEAR)
    return torch.from_numpy(_RELEASE_LEVELS[scaled.numpy()])


RESIZERS = {
    "bicubic_antialias": Resizer(_with_torch("bicubic"), may_reduce=True),
    "bilinear_antialias": Resizer(_with_torch("bilinear"), may_reduce=True),
    "lanczos": Resizer(_lanczos, may_reduce=False),
    "sagan_release": Resizer(_sagan_release, may_reduce=False, margin_up=True),
}
