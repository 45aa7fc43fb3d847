"""Pictures of a view: the sample with the query point, and an attention map of that point."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from sagan.common.files import replacing_file
from sagan.explorer.views import Explorer, LatentPoint, View
from sagan.sampling.attention_maps import QUERY_COLOURS, heat_tile, mark_point
from sagan.sampling.drawing import as_pixels, enlarge, enlargement

SIDE_PX = 384  # of a drawn sample, about
POINT_COLOUR = QUERY_COLOURS[5]
Point = tuple[float, float]  # (down, right) as fractions of the side, 0..1


def sample_picture(image: np.ndarray, point: Point | None = None) -> Image.Image:
    """A sample uint8 [C, H, W], enlarged by a whole factor, with the point where one is chosen."""
    picture = enlarge(image, enlargement(image.shape[-1], SIDE_PX))
    if point is not None:
        mark_point(picture, _pixel(point, picture.width), POINT_COLOUR)
    return picture


def map_picture(view: View, resolution: int, point: Point) -> Image.Image:
    """Where the point attends in one attention block, over the sample in grey."""
    tile = heat_tile(sample_picture(view.image), weights_at(view, resolution, point))
    mark_point(tile, _pixel(point, tile.width), POINT_COLOUR)
    return tile


def film_frames(
    explorer: Explorer, latent_point: LatentPoint, point: Point, shares: Iterable[float]
) -> Iterator[np.ndarray]:
    """The way between two samples, each frame with its maps: uint8 [H, W, 3].

    Args:
        explorer: of the generator.
        latent_point: its two ends.
        point: whose attention is shown.
        shares: of the way, a frame each.
    """
    for share in shares:
        view = explorer.view(replace(latent_point, t=share))
        tiles = [sample_picture(view.image, point)]
        tiles += [map_picture(view, resolution, point) for resolution in explorer.resolutions]
        yield np.hstack([np.asarray(tile) for tile in tiles])


def weights_at(view: View, resolution: int, point: Point) -> np.ndarray:
    """The row of the map that the point lies in: float [keys], summing to 1."""
    row, column = (min(int(fraction * resolution), resolution - 1) for fraction in point)
    weights: np.ndarray = view.maps[resolution][row * resolution + column]
    return weights


def describe(view: View, resolution: int, point: Point) -> str:
    """One line about a map: its block, its peak, and over how much of the image it spreads."""
    weights = weights_at(view, resolution, point)
    entropy = -float((weights * np.log(np.clip(weights, 1e-12, None))).sum())
    spread = np.exp(entropy) / weights.size
    return (
        f"{resolution}x{resolution}: peak {weights.max() * weights.size:.1f} times uniform "
        f"attention, spread over {spread:.0%}"
    )


def width_px(image_size: int) -> int:
    """Side of a drawn sample [px]."""
    return image_size * enlargement(image_size, SIDE_PX)


def point_of(x: float, y: float, width: int) -> Point:
    """The point of a click at pixel (x right, y down) of a drawn sample."""
    down, right = (min(max((value + 0.5) / width, 0.0), 1.0) for value in (y, x))
    return down, right


def write_png(path: Path, view: View) -> None:
    """The sample at its own size, without the point."""
    with replacing_file(path) as temporary:
        Image.fromarray(as_pixels(view.image)).save(temporary, format="PNG")


def write_latents(path: Path, explorer: Explorer, latent_point: LatentPoint) -> None:
    """Write the file from which `sagan sample BUNDLE --latents FILE` draws the same sample.

    Raises:
        ValueError: Between two classes, which no label names.
    """
    label = latent_point.label
    if label is None:
        raise ValueError("between two classes there is no label to save; move the slider to 0 or 1")
    latents = explorer.latents(latent_point).numpy()
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, latents=latents, class_labels=np.array([label]))


def _pixel(point: Point, width: int) -> tuple[int, int]:
    """(right, down) in pixels of a drawn sample."""
    down, right = (min(int(fraction * width), width - 1) for fraction in point)
    return right, down
