"""`sagan sample`: samples and attention maps from a generator bundle, without Kedro."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from sagan.bundle.description import require_bundle
from sagan.commands.group import (
    Command,
    device_option,
    field_option,
    path_argument,
    path_option,
    require_paths,
    say_next,
    weights_option,
)
from sagan.sampling.config import AttentionMapsConfig, FilmConfig, SamplingConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from torch import Tensor

    from sagan.bundle.generator_bundle import GeneratorBundle

_ATTENTION_PX = AttentionMapsConfig().tile_px
_COUNT = click.IntRange(min=1)
# of the latents, which a file of latents has decided already
_OF_LATENTS = ("classes", "count", "seed", "truncation", "same_latents")
_OF_FILM = ("frames", "fps", "once", "film_format", "film_attention")


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
@field_option(
    FilmConfig,
    "interpolate",
    default=None,
    help="Also write a film of the grid: latents become the next of their class, classes the next "
    "class, latents go around a circle, or the truncation falls to 0.1.",
)
@field_option(FilmConfig, "frames", type=click.IntRange(min=2))
@field_option(FilmConfig, "fps", type=click.IntRange(1, 50))
@field_option(FilmConfig, "once", is_flag=True)
@field_option(FilmConfig, "format", "--film-format", help="Of the film; apng is lossless.")
@field_option(FilmConfig, "attention", "--film-attention", is_flag=True)
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
    interpolate: str | None,
    frames: int,
    fps: int,
    once: bool,
    film_format: str,
    film_attention: bool,
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
    require_paths(file)
    require_bundle(bundle)  # before PyTorch is loaded
    import numpy as np
    import torch

    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.common.devices import choose_device
    from sagan.common.memory import require_memory
    from sagan.sampling.attention_maps import attention_picture, require_attention_memory
    from sagan.sampling.files import write_pngs
    from sagan.sampling.film import check_film, film_grid, write_film
    from sagan.sampling.generate import generate
    from sagan.sampling.grids import choose_classes, class_grid, grid_bytes
    from sagan.sampling.requests import load_latents

    film = _film_config(
        interpolate, frames=frames, fps=fps, once=once, format=film_format, attention=film_attention
    )
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
    require_memory("--tile", tile, lambda px: grid_bytes(*shape, px))
    if film is not None:
        check_film(generator, class_labels[kept], film, tile_px=tile)
    explained = [classes[i] for i in choose_classes(len(classes), attention_samples)]
    require_attention_memory(generator, len(explained), query_points, _ATTENTION_PX)

    images = torch.cat([*generate(generator, latents, class_labels, batch_size, chosen)]).numpy()
    firsts = [int((labels == k).argmax()) for k in explained]
    attention = attention_picture(
        generator,
        latents[firsts],
        class_labels[firsts],
        opened.shown_names,
        query_points=query_points,
        tile_px=_ATTENTION_PX,
        device=chosen,
    )
    if pngs:
        write_pngs(out / "samples", images, labels, opened.class_names)
        click.echo(out / "samples")
    if npz:
        _save_samples(out / "samples.npz", images, labels, latents.numpy())
    if film is not None:
        frames_of_film = film_grid(
            generator,
            latents[kept],
            class_labels[kept],
            opened.shown_names,
            film,
            tile_px=tile,
            batch_size=batch_size,
            device=chosen,
        )
        path = out / f"interpolation.{film.format}"
        write_film(path, frames_of_film, film)
        click.echo(path)
    _save_png(
        out / "sample_grid.png", class_grid(images[kept], labels[kept], opened.shown_names, tile)
    )
    _save_png(out / "attention_maps.png", attention)
    say_next("explore", bundle)


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


def _film_config(interpolate: str | None, **options: Any) -> FilmConfig | None:  # noqa: ANN401
    """What to film; None: nothing."""
    given = _given(_OF_FILM)
    if interpolate is None and given:
        raise ValueError(f"--interpolate says what to film; {given} needs it")
    if interpolate == "truncation" and (given := _given(("truncation",))):
        raise ValueError(f"--interpolate truncation goes through truncations; leave out {given}")
    return None if interpolate is None else FilmConfig(interpolate=interpolate, **options)


def _refuse_beside_latents() -> None:
    """Refuse options that the file of latents has decided already."""
    if named := _given(_OF_LATENTS):
        raise ValueError(f"--latents has the classes and latents; leave out {named}")


def _given(names: Sequence[str]) -> str:
    """Those of the options that the user gave, comma-separated."""
    source, default = click.get_current_context().get_parameter_source, ParameterSource.DEFAULT
    given = [name for name in names if source(name) is not default]
    return ", ".join(f"--{name.replace('_', '-')}" for name in given)


def _save_samples(
    path: Path, images: np.ndarray, class_labels: np.ndarray, latents: np.ndarray
) -> None:
    import numpy as np

    from sagan.common.files import replacing_file

    # an open file, or NumPy appends its own suffix
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, images=images, class_labels=class_labels, latents=latents)
    click.echo(path)


def _save_png(path: Path, picture: np.ndarray) -> None:
    from PIL import Image

    from sagan.common.files import replacing_file

    with replacing_file(path) as temporary:
        Image.fromarray(picture).save(temporary, format="PNG")
    click.echo(path)
