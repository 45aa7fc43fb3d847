"""Results of completion: a folder for each image, and a sheet of all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sagan.common.memory import require_memory
from sagan.common.results import changed_files, replacing_results
from sagan.completion.blending import blend
from sagan.completion.config import CompletionConfig
from sagan.completion.inputs import MaskedImage
from sagan.completion.search import Found
from sagan.sampling import drawing
from sagan.sampling.grids import grid_bytes

RECORD = "completion.json"
HIDDEN_LEVEL = 128  # of hidden pixels in pictures
_GAP_PX, _TEXT_PX, _MARGIN_PX, _NAME_PX = 4, 14, 12, 160
_ROWS = 100  # of a sheet


@dataclass(frozen=True)
class Completed:
    """An image with its blended completions and what is recorded of them."""

    image: MaskedImage
    completions: NDArray[np.uint8]
    """uint8 [N, C, S, S]: the generator's images, the best first."""
    blended: NDArray[np.uint8]
    """uint8 [N, C, S, S]."""
    record: dict[str, Any]


def completed(
    image: MaskedImage, found: Found, class_names: Sequence[str] | None, facts: dict[str, Any]
) -> Completed:
    """Blend what was found, and measure it; None: the generator knows no classes."""
    made = found.images.numpy()
    blended = np.stack([blend(image.pixels, one, image.hidden) for one in made])
    record = facts | {
        "classes": {class_names[k]: round(p, 6) for k, p in found.posterior.items()}
        if class_names
        else {},
        "candidates": [
            {
                "class": class_names[label] if class_names else None,
                "label": label if class_names else None,
                "energy": energy,
                "visible_rmse": rmse(image.pixels, one, ~image.hidden),
                "hidden_rmse": rmse(image.pixels, one, image.hidden) if image.whole else None,
                "latent": latent,
            }
            for one, latent, label, energy in zip(
                made,
                found.latents.tolist(),
                found.class_labels.tolist(),
                found.energies.tolist(),
                strict=True,
            )
        ],
    }
    return Completed(image, made, blended, record)


def rmse(
    image: NDArray[np.uint8], other: NDArray[np.uint8], where: NDArray[np.bool_]
) -> float | None:
    """Root of the mean squared difference of some pixels, in grey levels; None where none are."""
    if not where.any():
        return None
    difference = image[:, where].astype(float) - other[:, where]
    return float(np.sqrt(np.mean(difference**2)))


def write(result: Completed, folder: Path) -> None:
    """Write the pictures and the record, replacing those of an earlier run as a whole."""
    with replacing_results(folder) as temporary:
        _save(hide(result.image), temporary / "hidden.png")
        for number, (one, blended) in enumerate(
            zip(result.completions, result.blended, strict=True), start=1
        ):
            _save(one, temporary / f"completion_{number}.png")
            _save(blended, temporary / f"blended_{number}.png")
        text = json.dumps(result.record, indent=1) + "\n"
        (temporary / RECORD).write_text(text, encoding="utf-8")


def read(image: MaskedImage, folder: Path, key: str) -> Completed | None:
    """What `write` wrote of the same image under the same settings; None: nothing, or changed."""
    if not (folder / RECORD).is_file() or changed_files(folder):
        return None
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if record["key"] != key:
        return None
    numbers = range(1, len(record["candidates"]) + 1)
    made, blended = (
        np.stack([_load(folder / f"{kind}_{number}.png") for number in numbers])
        for kind in ("completion", "blended")
    )
    return Completed(image, made, blended, record)


def hide(image: MaskedImage) -> NDArray[np.uint8]:
    """The image with its hidden pixels in grey: uint8 [C, S, S]."""
    return np.where(image.hidden, np.uint8(HIDDEN_LEVEL), image.pixels)


def require_sheet(images: int, image_size: int, config: CompletionConfig) -> None:
    """Refuse a sheet that does not fit into memory, before anything is searched.

    Raises:
        ValueError: with the number of candidates, or the side of an image, that fits.
    """
    rows = min(images, _ROWS)

    def needed_bytes(candidates: int, tile_px: int) -> int:
        return grid_bytes(rows, 2 + 2 * candidates, image_size, tile_px)

    tile = min(config.tile_px, image_size)
    require_memory("candidates", config.candidates, lambda n: needed_bytes(n, tile))
    require_memory("tile_px", config.tile_px, lambda n: needed_bytes(config.candidates, n))


def sheet(results: Sequence[Completed], tile_px: int) -> Image.Image:
    """A row for each of the first images: name, original, hidden, completions, the same blended.

    Where classes were searched, each completion has the name of its own.
    """
    shown = results[:_ROWS]
    count = max(len(one.completions) for one in shown)
    size = shown[0].image.pixels.shape[-1]
    factor = drawing.enlargement(size, tile_px)
    step = size * factor + _GAP_PX
    names = [drawing.drawable(one.image.name, row, "image") for row, one in enumerate(shown, 1)]
    wide = min(_NAME_PX, max(drawing.text_width(name, _TEXT_PX) for name in names))
    searched = any(one.record["classes"] for one in shown)
    left, top = _MARGIN_PX + wide + 2 * _GAP_PX, _MARGIN_PX + _TEXT_PX + _GAP_PX
    high = step + (_TEXT_PX + _GAP_PX) * searched
    more = f"the first {_ROWS} of {len(results):,} images" if len(results) > _ROWS else ""
    page, pen = drawing.blank(
        left + (2 + 2 * count) * step + _MARGIN_PX,
        top + len(shown) * high + (_TEXT_PX + _GAP_PX) * bool(more) + _MARGIN_PX,
    )

    def write(text: str, x: int, y: int, width: int, anchor: str) -> None:
        text = drawing.shorten(text, _TEXT_PX, width)
        pen.text((x, y), text, drawing.INK, drawing.font(_TEXT_PX, text), anchor=anchor)

    numbers = range(1, count + 1)
    heads = ["whole", "hidden", *(f"made {n}" for n in numbers), *(f"blend {n}" for n in numbers)]
    for column, head in enumerate(heads):
        write(head, left + column * step + size * factor // 2, _MARGIN_PX, step, "mt")
    for row, (one, name) in enumerate(zip(shown, names, strict=True)):
        y = top + row * high
        write(name, _MARGIN_PX, y + size * factor // 2, wide, "lm")
        first = one.image.pixels if one.image.whole else None
        for column, tile in enumerate((first, hide(one.image), *one.completions, *one.blended)):
            if tile is not None:
                page.paste(drawing.enlarge(tile, factor), (left + column * step, y))
        for column, found in enumerate(one.record["candidates"] if searched else (), start=2):
            middle = left + column * step + size * factor // 2
            text = drawing.drawable(found["class"], found["label"])
            write(text, middle, y + size * factor + 2, step, "mt")
    write(more, _MARGIN_PX, page.height - _MARGIN_PX, page.width, "ls")
    return page


def _save(image: NDArray[np.uint8], path: Path) -> None:
    pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
    Image.fromarray(np.ascontiguousarray(pixels)).save(path)


def _load(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as file:
        pixels = np.asarray(file)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
