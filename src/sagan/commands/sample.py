"""`sagan sample`: samples and attention maps from a generator bundle, without Kedro."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sagan.commands.group import (
    Command,
    device_option,
    example,
    path_argument,
    path_option,
    weights_option,
)
from sagan.sampling.config import SamplingConfig

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from sagan.bundle.generator_bundle import GeneratorBundle

_DEFAULT = SamplingConfig()
_COUNT = click.IntRange(min=1)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The options, as click hands them over."""

    bundle: Path
    out: Path
    weights: str | None
    classes: str | None
    count: int
    seed: int
    truncation: float | None
    same_latents: bool
    npz: bool
    latents: Path | None
    rows: int
    columns: int
    tile: int
    attention_samples: int
    query_points: int
    batch_size: int
    device: str


@click.command(
    cls=Command,
    epilog=example("sagan sample BUNDLE --classes 3,7 --count 8 --out pictures --npz"),
    context_settings={"show_default": True},
)
@path_argument("bundle")
@path_option("--out", required=True, metavar="DIR", help="Folder for the images.")
@weights_option
@click.option("--classes", help="Names, titles or numbers, comma-separated; default: all.")
@click.option("--count", type=_COUNT, default=_DEFAULT.samples_per_class, help="Images per class.")
@click.option("--seed", type=int, default=_DEFAULT.seed, help="Seed of the latents.")
@click.option("--truncation", type=float, help="Redraw latent components beyond this [std].")
@click.option(
    "--same-latents",
    is_flag=True,
    help="One latent vector per column, so that only the class differs.",
)
@click.option("--npz", is_flag=True, help="Save all images, labels and latents too.")
@path_option("--latents", metavar="NPZ", help="Draw the samples of a samples.npz again.")
@click.option("--rows", type=_COUNT, default=_DEFAULT.classes, help="Classes in the grid at most.")
@click.option("--columns", type=_COUNT, default=10, help="Images per class in the grid at most.")
@click.option("--tile", type=_COUNT, default=_DEFAULT.tile_px, help="Side of a drawn image [px].")
@click.option(
    "--attention-samples",
    type=_COUNT,
    default=_DEFAULT.attention.samples,
    help="Samples with attention maps.",
)
@click.option(
    "--query-points",
    type=_COUNT,
    default=_DEFAULT.attention.query_points,
    help="Query points per sample, at most 8.",
)
@click.option("--batch-size", type=_COUNT, default=_DEFAULT.batch_size, help="Images at once.")
@device_option
def sample(**options: Any) -> None:  # noqa: ANN401
    """Draw samples and attention maps from the generator in the folder BUNDLE."""
    import numpy as np
    import torch

    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.common.devices import choose_device
    from sagan.sampling.attention_maps import attention_picture
    from sagan.sampling.generate import generate
    from sagan.sampling.grids import choose_classes, class_grid

    request = Request(**options)
    bundle = GeneratorBundle.open(request.bundle, request.weights)
    latents, class_labels = _chosen(request, bundle)
    device = choose_device(request.device)
    generator = bundle.load(str(device))
    classes = list(dict.fromkeys(class_labels.tolist()))
    batches = generate(generator, latents, class_labels, request.batch_size, device)
    images, labels = torch.cat(list(batches)).numpy(), class_labels.numpy()

    shown = [classes[i] for i in choose_classes(len(classes), request.rows)]
    kept = np.concatenate([np.flatnonzero(labels == k)[: request.columns] for k in shown])
    grid = class_grid(images[kept], labels[kept], bundle.shown_names, request.tile)
    rows = choose_classes(len(classes), request.attention_samples)
    firsts = [int((labels == classes[row]).argmax()) for row in rows]
    attention = attention_picture(
        generator,
        latents[firsts],
        class_labels[firsts],
        bundle.shown_names,
        query_points=request.query_points,
        tile_px=_DEFAULT.attention.tile_px,
        device=device,
    )
    if request.npz:
        _save_samples(request.out / "samples.npz", images, labels, latents.numpy())
    _save_png(request.out / "sample_grid.png", grid)
    _save_png(request.out / "attention_maps.png", attention)


def _chosen(request: Request, bundle: GeneratorBundle) -> tuple[Tensor, Tensor]:
    """Latents float32 [N, Z] and labels int64 [N]."""
    import torch

    from sagan.sampling.latents import column_latents, sample_latents
    from sagan.sampling.requests import load_latents, parse_classes

    if request.latents is not None:
        _refuse_beside_latents(request)
        return load_latents(request.latents, bundle)
    classes = parse_classes(request.classes, bundle.class_names, bundle.class_titles)
    arguments = (bundle.latent_dim, request.seed, request.truncation)
    if request.same_latents:
        latents = column_latents(len(classes), request.count, *arguments)
    else:
        latents = sample_latents(len(classes) * request.count, *arguments)
    return latents, torch.tensor(classes).repeat_interleave(request.count)


def _refuse_beside_latents(request: Request) -> None:
    """Refuse options that a file of latents has decided already."""
    given = {
        "--classes": request.classes is not None,
        "--count": request.count != _DEFAULT.samples_per_class,
        "--seed": request.seed != _DEFAULT.seed,
        "--truncation": request.truncation is not None,
        "--same-latents": request.same_latents,
    }
    if beside := [name for name, is_given in given.items() if is_given]:
        raise ValueError(
            f"--latents takes classes and latents from {request.latents}; "
            f"leave out {', '.join(beside)}"
        )


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
