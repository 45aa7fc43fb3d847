"""`sagan sample`: samples and attention maps from a generator bundle, without Kedro."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sagan.commands.group import (
    Command,
    device_option,
    field_option,
    path_argument,
    path_option,
    weights_option,
)
from sagan.sampling.config import AttentionMapsConfig, SamplingConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from torch import Tensor

    from sagan.bundle.generator_bundle import GeneratorBundle

FRAME_MS = 80  # of an animation
_COUNT = click.IntRange(min=1)
# of the latents, which a file of latents has decided already
_OF_LATENTS = ("classes", "count", "seed", "truncation", "same_latents")


@click.command(
    cls=Command,
    context_settings={"show_default": True},
)
@path_argument("bundle")
@path_option("--out", required=True, metavar="DIR", help="Folder for the images.")
@weights_option
@click.option("--classes", help="Names, titles or numbers, comma-separated; default: all.")
@field_option(SamplingConfig, "samples_per_class", "--count", type=_COUNT, help="Images per class.")
@field_option(SamplingConfig, "seed", help="Seed of the latents.")
@field_option(
    SamplingConfig, "truncation", type=float, help="Redraw latent components beyond this [std]."
)
@field_option(SamplingConfig, "same_latents", is_flag=True)
@click.option("--npz", is_flag=True, help="Save all images, labels and latents too.")
@field_option(SamplingConfig, "pngs", is_flag=True, help="Save each as samples/CLASS/INDEX.png.")
@click.option(
    "--frames",
    type=click.IntRange(2, 240),
    help="Also write interpolation.webp, in which each sample of the grid becomes the next of its "
    "row and itself again in so many frames.",
)
@path_option("--latents", "file", metavar="NPZ", help="Draw the samples of a samples.npz again.")
@field_option(SamplingConfig, "classes", "--rows", type=_COUNT)
@click.option("--columns", type=_COUNT, default=10, help="Images per class in the grid at most.")
@field_option(SamplingConfig, "tile_px", "--tile", type=_COUNT)
@field_option(AttentionMapsConfig, "samples", "--attention-samples", type=_COUNT)
@field_option(AttentionMapsConfig, "query_points", type=_COUNT)
@field_option(SamplingConfig, "batch_size", type=_COUNT)
@device_option
def sample(
    *,
    bundle: Path,
    out: Path,
    weights: str | None,
    npz: bool,
    pngs: bool,
    frames: int | None,
    file: Path | None,
    rows: int,
    columns: int,
    tile: int,
    attention_samples: int,
    query_points: int,
    batch_size: int,
    device: str,
    **drawn: Any,  # noqa: ANN401
) -> None:
    """Draw samples and attention maps from the generator in the folder BUNDLE."""
    import numpy as np
    import torch

    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.common.devices import choose_device
    from sagan.sampling.attention_maps import attention_picture, require_attention_memory
    from sagan.sampling.files import write_pngs
    from sagan.sampling.generate import generate
    from sagan.sampling.grids import choose_classes, class_grid
    from sagan.sampling.latents import interpolate
    from sagan.sampling.requests import load_latents

    opened = GeneratorBundle.open(bundle, weights)
    chosen = choose_device(device)
    generator = opened.load(str(chosen))  # refuses what cannot be built, before sizes are reckoned
    if file is None:
        latents, class_labels = _drawn(opened, **drawn)
    else:
        _refuse_beside_latents()
        latents, class_labels = load_latents(file, opened)
    labels = class_labels.numpy()
    classes = list(dict.fromkeys(class_labels.tolist()))
    shown = [classes[i] for i in choose_classes(len(classes), rows)]
    grid_rows = [np.flatnonzero(labels == k)[:columns] for k in shown]
    kept = np.concatenate(grid_rows)
    shape = (len(grid_rows), max(map(len, grid_rows)), opened.image_size)
    _require_memory(opened, shape, len(kept), tile, frames or 0)
    explained = [classes[i] for i in choose_classes(len(classes), attention_samples)]
    attention_px = AttentionMapsConfig().tile_px
    require_attention_memory(generator, len(explained), query_points, attention_px)

    batches = generate(generator, latents, class_labels, batch_size, chosen)
    images = torch.cat(list(batches)).numpy()
    grid = class_grid(images[kept], labels[kept], opened.shown_names, tile)
    firsts = [int((labels == k).argmax()) for k in explained]
    attention = attention_picture(
        generator,
        latents[firsts],
        class_labels[firsts],
        opened.shown_names,
        query_points=query_points,
        tile_px=attention_px,
        device=chosen,
    )
    if pngs:
        write_pngs(out / "samples", images, labels, opened.class_names)
        click.echo(out / "samples")
    if npz:
        _save_samples(out / "samples.npz", images, labels, latents.numpy())
    if frames is not None:
        nexts = np.concatenate([np.roll(row, -1) for row in grid_rows])
        shares = (1 - np.cos(2 * np.pi * np.arange(frames) / frames)) / 2  # there and back
        moving = [interpolate(latents[kept], latents[nexts], float(share)) for share in shares]
        asked = class_labels[kept].repeat(frames)
        batches = generate(generator, torch.cat(moving), asked, batch_size, chosen)
        animation = torch.cat(list(batches)).numpy().reshape(frames, len(kept), *images.shape[1:])
        _save_animation(
            out / "interpolation.webp",
            [class_grid(frame, labels[kept], opened.shown_names, tile) for frame in animation],
        )
    _save_png(out / "sample_grid.png", grid)
    _save_png(out / "attention_maps.png", attention)


def _drawn(
    bundle: GeneratorBundle,
    *,
    classes: str | None,
    count: int,
    seed: int,
    truncation: float | None,
    same_latents: bool,
) -> tuple[Tensor, Tensor]:
    """Latents float32 [N, Z] and labels int64 [N]."""
    import torch

    from sagan.common.memory import require_memory
    from sagan.sampling.generate import sample_bytes
    from sagan.sampling.latents import column_latents, sample_latents
    from sagan.sampling.requests import parse_classes

    chosen = parse_classes(classes, bundle.class_names, bundle.class_titles)
    of_each = len(chosen) * sample_bytes(bundle)
    require_memory("--count", count, lambda number: number * of_each)
    source = (bundle.latent_dim, seed, truncation)
    if same_latents:
        latents = column_latents(len(chosen), count, *source)
    else:
        latents = sample_latents(len(chosen) * count, *source)
    return latents, torch.tensor(chosen).repeat_interleave(count)


def _require_memory(
    bundle: GeneratorBundle, shape: tuple[int, int, int], shown: int, tile: int, frames: int
) -> None:
    """Refuse a grid, of rows, columns and image size, or an animation that does not fit."""
    from sagan.common.memory import require_memory
    from sagan.sampling.generate import sample_bytes
    from sagan.sampling.grids import grid_bytes

    require_memory("--tile", tile, lambda px: grid_bytes(*shape, px))
    frame_bytes = shown * sample_bytes(bundle) + grid_bytes(*shape, tile)
    require_memory("--frames", frames, lambda number: number * frame_bytes)


def _refuse_beside_latents() -> None:
    """Refuse options that the file of latents has decided already."""
    source, default = click.get_current_context().get_parameter_source, ParameterSource.DEFAULT
    given = [name for name in _OF_LATENTS if source(name) is not default]
    if given:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ValueError(f"--latents has the classes and latents; leave out {named}")


def _save_samples(
    path: Path, images: np.ndarray, class_labels: np.ndarray, latents: np.ndarray
) -> None:
    import numpy as np

    from sagan.common.files import replacing_file

    # an open file, or NumPy appends its own suffix
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, images=images, class_labels=class_labels, latents=latents)
    click.echo(path)


def _save_animation(path: Path, pictures: Sequence[np.ndarray]) -> None:
    from PIL import Image

    from sagan.common.files import replacing_file

    first, *rest = (Image.fromarray(picture) for picture in pictures)
    with replacing_file(path) as temporary:
        first.save(
            temporary,
            format="WEBP",
            save_all=True,
            append_images=rest,
            duration=FRAME_MS,
            loop=0,
            quality=80,
        )
    click.echo(path)


def _save_png(path: Path, picture: np.ndarray) -> None:
    from PIL import Image

    from sagan.common.files import replacing_file

    with replacing_file(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    click.echo(path)
