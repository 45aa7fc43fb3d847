"""Images to complete, prepared as training's are, each with its mask."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.ndimage import distance_transform_edt

from sagan.common.pixels import with_channels
from sagan.common.text import visible
from sagan.completion.masks import (
    ALPHA,
    NAMES,
    NONE,
    RANDOM,
    REGIONS,
    Mask,
    box,
    is_box,
    random_box,
    region,
)
from sagan.data.folder_names import IMAGE_SUFFIXES, files_below, first_five
from sagan.data.manifest.inspection import DEEP_MODES, open_image, orientation_of
from sagan.data.resizing import squares

_DEFAULT: Mapping[str, Any] = {"resizer": "bicubic_antialias"}  # of preprocessing
_BLACK = (0, 0, 0)  # what a mask is padded with: visible
_LONGEST_NAME = 230  # bytes, of 255; the rest is for the names of files that are being written
_LARGEST = 255  # of 8 bits
_FIRST_TURNED = 5  # EXIF orientations from here on exchange width and height


@dataclass(frozen=True)
class MaskedImage:
    """An image of the generator's size and what is hidden of it."""

    name: str
    """Of its results' folder: the path below the folder that was given, without suffix."""
    pixels: NDArray[np.uint8]
    """uint8 [C, S, S]."""
    hidden: Mask
    """bool [S, S]."""
    whole: bool
    """Whether the hidden pixels are the truth; not where they are transparent."""


def read_images(
    paths: Sequence[Path],
    mask: str,
    *,
    size: int,
    channels: int,
    seed: int,
    prepared: Mapping[str, Any] = _DEFAULT,
    results: Path | None = None,
) -> list[MaskedImage]:
    """Read all images and masks, so that a fault is found before anything is computed.

    Args:
        paths: files, and folders of them at any depth.
        mask: a name, `left,top,right,bottom`, or the path of a mask image, white where hidden,
            which has either the generator's size or the size of each image.
        size: S.
        channels: C; of one channel, colours become the luma of ITU-R 601.
        seed: of the mask `random`, which depends on the image's pixels too.
        prepared: how training's images were, as `squares` takes it; a bundle does not say.
        results: folder of results, whose images are left out.

    Raises:
        FileNotFoundError: if an image or the mask is not there.
        ValueError: if one cannot be decoded, two have one name, one is too long, or a mask does
            not fit.
    """
    require_known_mask(mask)
    found = find_images(paths, results)
    names = [name for name, _ in found]
    if long := [name for name in names if max(map(_length, Path(name).parts)) > _LONGEST_NAME]:
        raise ValueError(
            f"names of more than {_LONGEST_NAME} bytes, which leave no space for folders of "
            f"results; shorten them: {first_five(long)}"
        )
    folders = [folder.as_posix() for name in names for folder in Path(name).parents]
    if twice := sorted({name for name in names if [*names, *folders].count(name) > 1}):
        raise ValueError(
            f"{len(twice)} names of more than one image, or of a folder beside it, without their "
            f"suffixes, by which results are named: {first_five(twice)}"
        )
    return [
        _read(name, path, mask, size=size, channels=channels, seed=seed, prepared=prepared)
        for name, path in found
    ]


def require_known_mask(mask: str) -> None:
    """Refuse what is neither a mask's name, a box nor a file.

    Raises:
        ValueError: naming what is known.
    """
    if mask not in NAMES and not is_box(mask) and not Path(mask).is_file():
        raise ValueError(
            f"mask '{mask}': expected {', '.join(NAMES)}, a box left,top,right,bottom or the path "
            "of a mask image"
        )


def find_images(paths: Sequence[Path], results: Path | None = None) -> list[tuple[str, Path]]:
    """Names of results, and files, those of hidden folders and in the folder of results left out.

    Raises:
        FileNotFoundError: if a path is not there, or a folder has no images.
    """
    made = None if results is None else results.resolve()
    found: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            inside = [p for p in files_below(path) if p.suffix.lower() in IMAGE_SUFFIXES]
            inside = [p for p in inside if not made or not p.resolve().is_relative_to(made)]
            found += [(p.relative_to(path).with_suffix("").as_posix(), p) for p in inside]
            if not inside:
                beside = f" beside the results in '{results}'" if made else ""
                raise FileNotFoundError(f"no image in '{path}'{beside}")
        elif path.is_file():
            found.append((path.stem if path.stem.strip(".") else path.name, path))
        else:
            raise FileNotFoundError(f"no image '{path}'")
    return found


def _length(name: str) -> int:
    return len(os.fsencode(name))


def _read(
    name: str,
    path: Path,
    mask: str,
    *,
    size: int,
    channels: int,
    seed: int,
    prepared: Mapping[str, Any],
) -> MaskedImage:
    data = path.read_bytes()
    pixels = _square(data, path, size, prepared)
    if mask == ALPHA:
        colours, transparency = _split_transparency(data, path)
        pixels = _square(colours, path, size, prepared)
        hidden = _white(transparency, path, size, prepared)
        _require_partial(hidden, mask, f"'{path}'")
    else:
        with open_image(data) as image:
            seen = _upright_size(image, data)
        hidden = mask_of(mask, pixels, seen, f"'{path}'", seed, prepared=prepared)
    chosen = with_channels(torch.from_numpy(pixels.transpose(2, 0, 1).copy()), channels).numpy()
    return MaskedImage(name, chosen, hidden, mask != ALPHA)


def _upright_size(image: Image.Image, data: bytes) -> tuple[int, int]:
    """Width and height of an opened file as it is shown; Pillow's of a TIFF are so already."""
    turned = image.format != "TIFF" and orientation_of(image, data) >= _FIRST_TURNED
    return image.size[::-1] if turned else image.size


def _upright_rgba(image: Image.Image, path: Path) -> Image.Image:
    """An opened image with its transparency, as it is shown.

    Raises:
        ValueError: if one of its values of 16 bits is transparent, which Pillow converts wrongly.
    """
    value = image.info.get("transparency")
    if image.mode in DEEP_MODES or (isinstance(value, tuple) and max(value) > _LARGEST):
        raise ValueError(
            f"'{path}' has 16 bits and one transparent value, which is not read as a mask; save it "
            "with an alpha channel"
        )
    return ImageOps.exif_transpose(image).convert("RGBA")


def _white(data: bytes, path: Path, size: int, prepared: Mapping[str, Any]) -> Mask:
    """Bool [S, S]: what is white of an image, cut as the others are."""
    cut = {name: value for name, value in prepared.items() if name != "white_level"}
    square = _square(data, path, size, {**cut, "pad_colour": _BLACK})
    return np.asarray(square.mean(axis=2) > 127)


def _square(data: bytes, path: Path, size: int, prepared: Mapping[str, Any]) -> NDArray[np.uint8]:
    """uint8 [S, S, 3]."""
    try:
        (square,) = squares(data, (size,), upright=True, **prepared)
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        raise ValueError(visible(f"'{path}' cannot be decoded: {error}")) from error
    return square


def mask_of(
    mask: str,
    pixels: NDArray[np.uint8],
    seen: tuple[int, ...],
    what: str,
    seed: int,
    *,
    prepared: Mapping[str, Any] = _DEFAULT,
) -> Mask:
    """The mask of an image [S, S, 3], which had the width and height `seen` before it was cut.

    Raises:
        ValueError: naming the image by `what`, if the mask does not fit, or hides all or nothing.
    """
    size = len(pixels)
    if mask == NONE:
        return np.zeros((size, size), dtype=bool)
    if mask in REGIONS:
        return region(mask, size)
    if mask == RANDOM:
        content = int.from_bytes(hashlib.sha256(pixels.tobytes()).digest()[:8])
        return random_box(np.random.default_rng([seed, content]), size)
    hidden = box(mask, size) if is_box(mask) else _of_image(Path(mask), seen, what, size, prepared)
    _require_partial(hidden, mask, what)
    return hidden


def _require_partial(hidden: Mask, mask: str, what: str) -> None:
    if hidden.all():
        raise ValueError(f"{what}: the mask hides all of it, so that nothing says what it is")
    if not hidden.any():
        rule = "" if mask == ALPHA or is_box(mask) else ", white is what it would hide"
        raise ValueError(
            f"{what}: mask '{mask}' hides nothing{rule}; mask none projects whole images"
        )


def _split_transparency(data: bytes, path: Path) -> tuple[bytes, bytes]:
    """An upright image as PNG files: its colours, and its transparency, white where hidden.

    Transparent pixels get the nearest visible colour, or resizing would mix white into the visible
    ones beside them.
    """
    with open_image(data) as image:
        if not image.has_transparency_data:
            raise ValueError(f"'{path}' has no transparency, which --mask alpha reads")
        rgba = np.asarray(_upright_rgba(image, path))
    clear = rgba[..., 3] < 128
    rows, columns = distance_transform_edt(clear, return_distances=False, return_indices=True)
    return _png(rgba[rows, columns, :3]), _png(255 - rgba[..., 3])


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _of_image(
    mask: Path, seen: tuple[int, ...], what: str, size: int, prepared: Mapping[str, Any]
) -> Mask:
    data = mask.read_bytes()
    _square(data, mask, size, prepared)  # refuses what cannot be decoded
    with open_image(data) as image:
        found = _upright_size(image, data)
        if image.has_transparency_data:  # nothing is painted there
            painted = _upright_rgba(image, mask)
            black = Image.new("RGBA", found, (*_BLACK, 255))
            data = _png(np.asarray(Image.alpha_composite(black, painted).convert("RGB")))
    hidden = _white(data, mask, size, prepared)
    if found not in {seen, (size, size)}:
        raise ValueError(
            f"mask '{mask}' has {found[0]}x{found[1]} px; expected {seen[0]}x{seen[1]} px as "
            f"{what} has, or {size}x{size} px as the generator makes"
        )
    return hidden
