"""Films of samples: a grid that changes frame by frame, and animated files."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sagan.common.files import replacing_file
from sagan.common.memory import require_memory
from sagan.common.progress import progress_bar
from sagan.models.generator import Generator
from sagan.sampling import drawing
from sagan.sampling.attention_maps import (
    NO_ATTENTION,
    QUERY_COLOURS,
    choose_query_points,
    generate_with_attention,
    heat_tile,
    mark_point,
)
from sagan.sampling.config import FilmConfig
from sagan.sampling.generate import generate
from sagan.sampling.grids import GAP_PX, class_grid, grid_bytes
from sagan.sampling.interpolation import blended_classes, circle, interpolate, truncate

TRUNCATIONS = (3.0, 0.1)  # ends of the sweep, in standard deviations
LINE_PX = 24
_MAPS_AT_ONCE = 8  # samples whose attention maps are in memory together
# of Pillow, where 0 loops are endless ones; a GIF is played once where it has no number
_OPTIONS: dict[str, dict[str, Any]] = {
    "webp": {"format": "WEBP", "quality": 80},
    "gif": {"format": "GIF"},
    "apng": {"format": "PNG"},
}
_LARGEST_PX = {"webp": 16_383, "gif": 65_535, "apng": 1_000_000}


def check_film(
    generator: Generator, class_labels: Tensor, config: FilmConfig, *, tile_px: int
) -> None:
    """Refuse a film that cannot be made, before anything is generated.

    Args:
        generator: of the samples.
        class_labels: int64 [N].
        config: of the film.
        tile_px: side of a sample, about.

    Raises:
        ValueError: if it does not fit into memory or into its format, there is no other sample of
            a class, or no other class, to change to, or no attention to show.
    """
    kind, counts = config.interpolate, class_labels.bincount()
    counts = counts[counts > 0]
    if kind in {"latents", "circle"} and int(counts.min()) < 2:
        raise ValueError(f"a film of {kind} needs at least 2 samples of each class, got 1")
    if kind == "classes" and (len(counts) < 2 or not generator.class_conditional):
        raise ValueError(
            "a film of classes needs at least 2, and a generator that is conditional on them"
        )
    if config.attention and not generator.attention_resolutions:
        raise ValueError(NO_ATTENTION)
    columns = int(counts.max()) * _tiles_each(generator, config)
    shape = (len(counts), columns, generator.image_size)
    side = generator.image_size * drawing.enlargement(generator.image_size, tile_px) + GAP_PX
    _check_size(columns * side, len(counts) * side, config)  # the names are not counted
    require_memory("--frames", config.frames, lambda n: n * grid_bytes(*shape, tile_px))


def film_grid(
    generator: Generator,
    latents: Tensor,
    class_labels: Tensor,
    class_names: Sequence[str],
    config: FilmConfig,
    *,
    tile_px: int,
    batch_size: int,
    device: torch.device,
) -> Iterator[np.ndarray]:
    """Draw a grid with a row for each class, frame by frame, as `check_film` accepts it.

    Args:
        generator: on `device`; not changed.
        latents: float32 [N, Z].
        class_labels: int64 [N].
        class_names: K names.
        config: of the film.
        tile_px: side of a sample, about.
        batch_size: samples generated at once.
        device: where the generator's weights are.

    Yields:
        uint8 [height, width, 3].
    """
    labels, kind = class_labels.numpy(), config.interpolate
    nexts, others = _next_samples(labels), _next_classes(labels, generator.num_classes)
    names = list(class_names)
    if kind == "classes":
        names = [f"{name} to {names[other]}" for name, other in zip(names, others, strict=True)]
    points = None
    for share in progress_bar("film", config.frames, "frames", shares(config)):
        moved = _moved(kind, latents, latents[nexts], share)
        to = share if kind == "classes" else 0.0
        with blended_classes(generator, torch.from_numpy(others).to(device), to):
            images = torch.cat([*generate(generator, moved, class_labels, batch_size, device)])
            tiles, px = images.numpy(), tile_px
            if config.attention:
                # those of the first frame, or the maps would jump
                points = points or [choose_query_points(image, 1)[0] for image in tiles]
                factor = drawing.enlargement(generator.image_size, tile_px)
                tiles = _with_maps(generator, moved.to(device), class_labels, points, factor)
                px = tiles.shape[-1]
        each = len(tiles) // len(labels)
        page = class_grid(tiles, labels.repeat(each), names, px)
        yield _captioned(page, _sweep(share)) if kind == "truncation" else page


def shares(config: FilmConfig) -> list[float]:
    """How far each frame is on the way, 0..1: to the end and back, unless the film ends there.

    Slower at the ends; evenly on a circle, whose end is its start.
    """
    steps = config.frames - 1 if config.once else config.frames
    times = np.arange(config.frames) / steps
    if config.interpolate == "circle":
        return [float(time) for time in times]
    turns = 0.5 if config.once else 1.0
    return [float(share) for share in (1 - np.cos(2 * np.pi * turns * times)) / 2]


def write_film(path: Path, frames: Iterable[np.ndarray], config: FilmConfig) -> None:
    """Write frames uint8 [H, W, 3] of one size as an animated file.

    Raises:
        ValueError: if they are larger than the format allows.
    """
    pictures = [Image.fromarray(frame) for frame in frames]
    _check_size(*pictures[0].size, config)
    times: dict[str, Any] = {"loop": int(config.once)}
    if config.once and config.format == "gif":
        times = {}
    with replacing_file(path) as temporary:
        pictures[0].save(
            temporary,
            save_all=True,
            append_images=pictures[1:],
            duration=round(1000 / config.fps),
            **times,
            **_OPTIONS[config.format],
        )


def _check_size(width: int, height: int, config: FilmConfig) -> None:
    most = _LARGEST_PX[config.format]
    if max(width, height) > most:
        raise ValueError(
            f"a frame has {width}x{height} px, {config.format} has at most {most}: show fewer "
            "samples or smaller ones, or choose another format"
        )


def _tiles_each(generator: Generator, config: FilmConfig) -> int:
    """Tiles of a sample: itself, and a map of each layer where they are asked for."""
    return 1 + len(generator.attention_resolutions) * config.attention


def _next_samples(labels: np.ndarray) -> np.ndarray:
    """Index of the next sample of its class, the first after the last: int64 [N]."""
    nexts = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        nexts[own] = np.roll(own, -1)
    return nexts


def _next_classes(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """The class after each in order of appearance, itself where it does not appear: int64 [K]."""
    appearing = np.array(list(dict.fromkeys(labels.tolist())))
    others = np.arange(num_classes)
    others[appearing] = np.roll(appearing, -1)
    return others


def _moved(kind: str, latents: Tensor, others: Tensor, share: float) -> Tensor:
    """Latents of a frame: float [N, Z]."""
    if kind == "latents":
        return interpolate(latents, others, share)
    if kind == "circle":
        return circle(latents, others, share)
    return truncate(latents, _sweep(share)) if kind == "truncation" else latents


def _sweep(share: float) -> float:
    """The truncation at a share of the way, evenly in its logarithm."""
    first, last = TRUNCATIONS
    return float(first * (last / first) ** share)


def _with_maps(
    generator: Generator,
    latents: Tensor,
    class_labels: Tensor,
    points: Sequence[tuple[int, int]],
    factor: int,
) -> np.ndarray:
    """Each sample with its point, then where it attends in each layer: uint8 [M, 3, H, W]."""
    tiles = []
    for start in range(0, len(latents), _MAPS_AT_ONCE):
        part = slice(start, start + _MAPS_AT_ONCE)
        labels = class_labels[part].to(latents.device)
        images, maps = generate_with_attention(generator, latents[part], labels)
        for i, (image, (row, column)) in enumerate(zip(images, points[part], strict=True)):
            sample = drawing.enlarge(image, factor)
            drawn = [sample]
            for resolution in sorted(maps):
                y, x = (place * resolution // image.shape[-1] for place in (row, column))
                drawn.append(heat_tile(sample, maps[resolution][i, y * resolution + x]))
            centre = (column * factor + factor // 2, row * factor + factor // 2)
            for tile in drawn:
                mark_point(tile, centre, QUERY_COLOURS[0])
                tiles.append(np.asarray(tile).transpose(2, 0, 1))
    return np.stack(tiles)


def _captioned(page: np.ndarray, truncation: float) -> np.ndarray:
    """The page with its truncation below."""
    height, width, _ = page.shape
    taller, pen = drawing.blank(width, height + LINE_PX)
    taller.paste(Image.fromarray(page))
    text = f"truncation {truncation:.2f}"
    pen.text((width // 2, height), text, drawing.INK, drawing.font(14), anchor="mt")
    return np.asarray(taller)
