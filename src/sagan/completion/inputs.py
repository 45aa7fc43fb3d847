"""Images to complete, prepared as training's are, each with its mask."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy.ndimage import distance_transform_edt

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
from sagan.data.folder_names import IMAGE_SUFFIXES, first_five
from sagan.data.manifest.inspection import open_image
from sagan.data.resizing import squares

_RESIZER = "bicubic_antialias"  # training's default; a bundle does not say which it was


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
    paths: Sequence[Path], mask: str, *, size: int, channels: int, seed: int
) -> list[MaskedImage]:
    """Read all images and masks, so that a fault is found before anything is computed.

    Args:
        paths: files, and folders of them at any depth.
        mask: a name, `left,top,right,bottom`, or the path of a mask image, white where hidden,
            which has either the generator's size or the size of each image.
        size: S.
        channels: C; of one channel, colours become the luma of ITU-R 601.
        seed: of the mask `random`, which depends on the image's pixels too.

    Raises:
        FileNotFoundError: if an image or the mask is not there.
        ValueError: if one cannot be decoded, two have one name, or a mask does not fit.
    """
    found = _files(paths)
    if mask not in NAMES and not is_box(mask) and not Path(mask).is_file():
        raise ValueError(
            f"mask '{mask}': expected {', '.join(NAMES)}, a box left,top,right,bottom or the path "
            "of a mask image"
        )
    names = [name for name, _ in found]
    folders = [folder.as_posix() for name in names for folder in Path(name).parents]
    if twice := sorted({name for name in names if [*names, *folders].count(name) > 1}):
        raise ValueError(
            f"{len(twice)} names of more than one image, or of a folder beside it, without their "
            f"suffixes, by which results are named: {first_five(twice)}"
        )
    return [
        _read(name, path, mask, size=size, channels=channels, seed=seed) for name, path in found
    ]


def _files(paths: Sequence[Path]) -> list[tuple[str, Path]]:
    """Names of results, and files."""
    found: list[tuple[str, Path]] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
            found += [(p.relative_to(path).with_suffix("").as_posix(), p) for p in inside]
            if not inside:
                raise FileNotFoundError(f"no image in '{path}'")
        elif path.is_file():
            found.append((path.stem, path))
        else:
            raise FileNotFoundError(f"no image '{path}'")
    return found


def _read(name: str, path: Path, mask: str, *, size: int, channels: int, seed: int) -> MaskedImage:
    data = path.read_bytes()
    pixels = _square(data, path, size)
    if mask == ALPHA:
        colours, transparency = _split_transparency(data, path)
        pixels = _square(colours, path, size)
        hidden = _square(transparency, path, size)[..., 0] > 127
    else:
        hidden = _hidden(mask, data, path, pixels, seed)
    if hidden.all():
        raise ValueError(f"'{path}': the mask hides all of it, so that nothing says what it is")
    if mask != NONE and not hidden.any():
        raise ValueError(f"'{path}': the mask hides nothing; --mask none projects whole images")
    if channels == 1:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return MaskedImage(name, pixels.transpose(2, 0, 1), hidden, mask != ALPHA)


def _square(data: bytes, path: Path, size: int) -> NDArray[np.uint8]:
    """uint8 [S, S, 3]."""
    try:
        (square,) = squares(data, (size,), _RESIZER, upright=True)
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        raise ValueError(f"'{path}' cannot be decoded: {error}") from error
    return square


def _hidden(mask: str, data: bytes, path: Path, pixels: NDArray[np.uint8], seed: int) -> Mask:
    size = len(pixels)
    if mask == NONE:
        return np.zeros((size, size), dtype=bool)
    if mask in REGIONS:
        return region(mask, size)
    if mask == RANDOM:
        content = int.from_bytes(hashlib.sha256(pixels.tobytes()).digest()[:8])
        return random_box(np.random.default_rng([seed, content]), size)
    if is_box(mask):
        return box(mask, size)
    return _of_image(Path(mask), data, path, size)


def _split_transparency(data: bytes, path: Path) -> tuple[bytes, bytes]:
    """An upright image as PNG files: its colours, and its transparency, white where hidden.

    Transparent pixels get the nearest visible colour, or resizing would mix white into the visible
    ones beside them.
    """
    with open_image(data) as image:
        if not image.has_transparency_data:
            raise ValueError(f"'{path}' has no transparency, which --mask alpha reads")
        rgba = np.asarray(ImageOps.exif_transpose(image).convert("RGBA"))
    clear = rgba[..., 3] < 128
    rows, columns = distance_transform_edt(clear, return_distances=False, return_indices=True)
    return _png(rgba[rows, columns, :3]), _png(255 - rgba[..., 3])


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _of_image(mask: Path, data: bytes, path: Path, size: int) -> Mask:
    with open_image(data) as image:
        wanted = image.size
    mask_data = mask.read_bytes()
    white = _square(mask_data, mask, size)
    with open_image(mask_data) as image:
        found = image.size
    if found not in {wanted, (size, size)}:
        raise ValueError(
            f"mask '{mask}' has {found[0]}x{found[1]} px; expected {wanted[0]}x{wanted[1]} px as "
            f"'{path}' has, or {size}x{size} px as the generator makes"
        )
    return np.asarray(white.mean(axis=2) > 127)
