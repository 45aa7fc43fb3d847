"""Attention maps of a generator, as in the paper's figure 1, for each self-attention layer.

One row per sample: the sample with its coloured query points, then for each query point the
attention map as a heat map over the grey sample.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from sagan.common.memory import require_memory
from sagan.common.pixels import to_uint8
from sagan.models.generator import Generator
from sagan.sampling import drawing
from sagan.sampling.grids import grid_bytes

GAP_PX = 8
MARGIN_PX = 14
TITLE_PX = 18
TEXT_PX = 14
LINE_PX = 24
MAX_NAME_PX = 180
POINT_GRID = 16
LEGEND = "bright: most attended; below each map: its peak, in multiples of uniform attention"
NO_ATTENTION = "This generator has no self-attention layer: there is no map to draw."
QUERY_COLOURS = (
    (228, 26, 28),
    (44, 160, 44),
    (31, 119, 230),
    (255, 127, 14),
    (227, 68, 196),
    (0, 190, 200),
    (190, 170, 0),
    (120, 80, 200),
)
# dark to bright, evenly spaced stops of matplotlib's 'inferno'
HEAT = np.array(
    [
        (0, 0, 4),
        (40, 11, 84),
        (101, 21, 110),
        (159, 42, 99),
        (212, 72, 66),
        (245, 125, 21),
        (250, 193, 39),
        (252, 255, 164),
    ],
    dtype=np.float64,
)


def attention_picture(
    generator: Generator,
    latents: Tensor,
    class_labels: Tensor,
    class_names: Sequence[str],
    *,
    query_points: int,
    tile_px: int,
    device: str | torch.device = "cpu",
) -> np.ndarray:
    """Draw samples with the attention maps of a few query points.

    Args:
        generator: on `device`; not changed.
        latents: float32 [N, Z], one per row of the picture.
        class_labels: int64 [N].
        class_names: K names.
        query_points: points per sample, 1..8 (there are eight colours).
        tile_px: small samples are enlarged, by an integer factor, to about this side.
        device: where the generator's weights are.

    Returns:
        uint8 [height, width, 3]; without self-attention, a picture with a message.

    Raises:
        ValueError: if there are more query points than colours, or the picture does not fit into
            memory.
    """
    require_attention_memory(generator, len(latents), query_points, tile_px)
    if not generator.attention_resolutions:
        return drawing.text_picture(NO_ATTENTION)
    images, maps = generate_with_attention(generator, latents.to(device), class_labels.to(device))
    names = [drawing.drawable(class_names[label], label) for label in class_labels.tolist()]
    blocks = [
        _draw_resolution(images, maps[resolution], names, query_points, tile_px)
        for resolution in sorted(maps)
    ]
    width, height = max(block.width for block in blocks), sum(block.height for block in blocks)
    page, _ = drawing.blank(width, height)
    top = 0
    for block in blocks:
        page.paste(block, (0, top))
        top += block.height
    return np.asarray(page)


def require_attention_memory(
    generator: Generator, samples: int, query_points: int, tile_px: int
) -> None:
    """Refuse a picture of more samples, or of larger ones, than fits into memory.

    Raises:
        ValueError: with the largest number that fits; if there are more query points than colours.
    """
    if not 1 <= query_points <= len(QUERY_COLOURS):
        raise ValueError(f"--query-points: expected 1..{len(QUERY_COLOURS)}, got {query_points}")
    size, resolutions = generator.image_size, generator.attention_resolutions
    tiles = (1 + query_points) * len(resolutions)
    # each map has r^2 queries and a quarter as many keys; float32 with a copy and its softmax
    of_each = sum(3 * 4 * r**4 // 4 for r in resolutions)

    def needed(number: int, tile: int) -> int:
        return number * of_each + grid_bytes(number, tiles, size, tile)

    require_memory("tile_px", tile_px, partial(needed, 1))
    require_memory("attention samples:", samples, lambda number: needed(number, tile_px))


def choose_query_points(image: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Choose query points of an image, deterministically.

    Candidates form a 16 x 16 grid (8 x 8 for images of 8 px) without its outermost ring. All but
    the last point are chosen at details: greedily, the candidate with the largest product of local
    contrast and distance to the nearest point already chosen. The last is a distant candidate of
    low contrast, so that the background is covered too.

    Args:
        image: uint8 [C, S, S], S at least 8.
        count: number of points, at least 1.

    Returns:
        (row, column) pairs, pixels of the image, all different.
    """
    grid = min(POINT_GRID, image.shape[-1])
    detail = _detail(image, grid)
    rows, columns = np.mgrid[:grid, :grid]
    inside = np.minimum(rows, columns) >= 1
    inside &= np.maximum(rows, columns) <= grid - 2
    # distances are capped at a third of the side, beyond which contrast decides
    nearest = np.where(inside, grid / 3, 0)
    points = []
    for i in range(count):
        background = i > 0 and i == count - 1
        score = (detail.max() - detail if background else detail) + 1e-3
        row, column = divmod(int((score * nearest).argmax()), grid)
        nearest = np.minimum(nearest, np.hypot(rows - row, columns - column))
        points.append((row, column))
    height, width = image.shape[-2:]
    return [
        ((2 * row + 1) * height // (2 * grid), (2 * column + 1) * width // (2 * grid))
        for row, column in points
    ]


def _detail(image: np.ndarray, grid: int) -> np.ndarray:
    """Local contrast (standard deviation of grey) at each candidate: float [grid, grid], 0..1."""
    grey = torch.from_numpy(image).float().mean(dim=0)[None, None] / 255  # [1, 1, H, W]
    # pixels per candidate; the window covers its neighbours too
    reach = max(1, image.shape[-1] // grid)
    window = {"kernel_size": 2 * reach + 1, "stride": 1, "padding": reach}
    mean = F.avg_pool2d(grey, **window, count_include_pad=False)
    square = F.avg_pool2d(grey**2, **window, count_include_pad=False)
    deviation = (square - mean**2).clamp_min(0).sqrt()
    return F.adaptive_avg_pool2d(deviation, grid)[0, 0].double().numpy()


def generate_with_attention(
    generator: Generator, latents: Tensor, class_labels: Tensor
) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Images uint8 [N, C, H, W] and maps {r: float [N, r*r, (r/2)*(r/2)]}."""
    training = generator.training
    generator.eval()
    try:
        with torch.inference_mode():
            images, maps = generator.forward_with_attention(latents, class_labels)
    finally:
        generator.train(training)
    return to_uint8(images).cpu().numpy(), {r: m.float().cpu().numpy() for r, m in maps.items()}


def _draw_resolution(
    images: np.ndarray,
    maps: np.ndarray,
    names: Sequence[str],
    query_points: int,
    tile_px: int,
) -> Image.Image:
    """One block of the picture: a title, column heads, one row per sample."""
    resolution = round(maps.shape[1] ** 0.5)
    factor = drawing.enlargement(images.shape[-1], tile_px)
    side = images.shape[-1] * factor
    labels = [drawing.shorten(name, TEXT_PX, MAX_NAME_PX) for name in names]
    left = 2 * MARGIN_PX + max(drawing.text_width(label, TEXT_PX) for label in labels)
    top = MARGIN_PX + TITLE_PX + 2 * LINE_PX
    row_px = side + LINE_PX + GAP_PX
    tiles_px = left + (1 + query_points) * (side + GAP_PX) - GAP_PX
    width = MARGIN_PX + max(tiles_px, MARGIN_PX + drawing.text_width(LEGEND, TEXT_PX))
    page, pen = drawing.blank(width, top + len(images) * row_px)
    _draw_column_heads(pen, left, side, resolution, query_points)
    for i, (label, image) in enumerate(zip(labels, images, strict=True)):
        corner = (left, top + i * row_px)
        middle = (left - MARGIN_PX, corner[1] + side // 2)
        pen.text(middle, label, drawing.INK, drawing.font(TEXT_PX, label), anchor="rm")
        points = choose_query_points(image, query_points)
        _draw_row(page, corner, image, maps[i], points, factor=factor)
    return page


def _draw_column_heads(
    pen: ImageDraw.ImageDraw, left: int, side: int, resolution: int, query_points: int
) -> None:
    title = f"Self-attention at {resolution}x{resolution}: where each query point attends"
    pen.text((MARGIN_PX, MARGIN_PX), title, drawing.INK, drawing.font(TITLE_PX))
    second = (MARGIN_PX, MARGIN_PX + LINE_PX)
    pen.text(second, LEGEND, drawing.FAINT_INK, drawing.font(TEXT_PX))
    heads = [("sample", drawing.INK)]
    heads += [(f"point {k + 1}", QUERY_COLOURS[k]) for k in range(query_points)]
    baseline = MARGIN_PX + TITLE_PX + 2 * LINE_PX - 4
    for column, (head, colour) in enumerate(heads):
        place = (left + column * (side + GAP_PX) + side // 2, baseline)
        pen.text(place, head, colour, drawing.font(TEXT_PX), anchor="ms")


def _draw_row(
    page: Image.Image,
    corner: tuple[int, int],
    image: np.ndarray,
    attention: np.ndarray,
    points: Sequence[tuple[int, int]],
    *,
    factor: int,
) -> None:
    """Draw the sample with its points, then one heat map per point.

    `attention` is [r*r, (r/2)*(r/2)].
    """
    size, resolution = image.shape[-1], round(len(attention) ** 0.5)
    sample = drawing.enlarge(image, factor)
    side, marked, pen = sample.width, sample.copy(), ImageDraw.Draw(page)
    for k, (row, column) in enumerate(points):
        centre = (column * factor + factor // 2, row * factor + factor // 2)
        position = row * resolution // size * resolution + column * resolution // size
        weights = attention[position]
        tile = heat_tile(sample, weights)
        for picture in (marked, tile):
            mark_point(picture, centre, QUERY_COLOURS[k])
        x, y = corner[0] + (k + 1) * (side + GAP_PX), corner[1]
        page.paste(tile, (x, y))
        caption, below = f"{weights.max() * weights.size:.1f}x", (x + side // 2, y + side + 4)
        pen.text(below, caption, drawing.FAINT_INK, drawing.font(TEXT_PX), anchor="ma")
    page.paste(marked, corner)


def heat_tile(sample: Image.Image, weights: np.ndarray) -> Image.Image:
    """One attention map as a heat map over the grey sample; weights [(r/2)*(r/2)], summing to 1."""
    keys = round(len(weights) ** 0.5)
    share = Image.fromarray((weights / weights.max()).reshape(keys, keys).astype(np.float32))
    heat = np.asarray(share.resize(sample.size, Image.Resampling.BICUBIC)).clip(0, 1)[..., None]
    stops = np.linspace(0, 1, len(HEAT))
    colour = np.concatenate([np.interp(heat, stops, HEAT[:, c]) for c in range(3)], axis=-1)
    grey = np.asarray(sample.convert("L"), dtype=np.float64)[..., None]
    cover = 0.35 + 0.5 * heat
    return Image.fromarray((grey * (1 - cover) + colour * cover).round().astype(np.uint8))


def mark_point(tile: Image.Image, centre: tuple[int, int], colour: tuple[int, int, int]) -> None:
    """Draw a disc with a white rim, supersampled four times for smooth edges."""
    radius, fine = max(5, tile.width // 26), 4
    size = 2 * radius + 1
    mark = Image.new("RGBA", (size * fine, size * fine))
    pen = ImageDraw.Draw(mark)
    edge = size * fine - 1
    pen.ellipse((0, 0, edge, edge), fill=(20, 20, 20, 255))
    pen.ellipse((fine, fine, edge - fine, edge - fine), fill=(255, 255, 255, 255))
    rim = round(2.5 * fine)
    pen.ellipse((rim, rim, edge - rim, edge - rim), fill=(*colour, 255))
    mark = mark.resize((size, size), Image.Resampling.LANCZOS)
    tile.paste(mark, (centre[0] - radius, centre[1] - radius), mark)
