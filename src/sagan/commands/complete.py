"""`sagan complete`: completions of images under a mask, without Kedro."""

from pathlib import Path

import click

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
from sagan.completion.config import CompletionConfig

_COUNT = click.IntRange(min=1)
_ENCODERS = Path(".encoders")  # in the folder of results


@click.command(cls=Command, context_settings={"show_default": True})
@path_argument("bundle")
@path_argument("images", nargs=-1, required=True)
@click.option(
    "--mask",
    required=True,
    help="What is hidden: lower_half, left_half, center, surgical_mask, random; a box "
    "left,top,right,bottom in pixels, or in shares with a point; alpha: transparent pixels; "
    "the path of a mask image, white where hidden; none: nothing, for the nearest image that the "
    "generator makes.",
)
@path_option("--out", required=True, metavar="DIR", help="Folder for the results.")
@click.option("--class", "class_name", help="Name, title or number; default: unknown.")
@weights_option
@field_option(CompletionConfig, "candidates", type=_COUNT)
@field_option(CompletionConfig, "refine_steps", type=click.IntRange(min=0))
@field_option(CompletionConfig, "seed")
@click.option(
    "--encoder-steps", type=_COUNT, default=1500, help="Training steps of the encoder, made once."
)
@path_option(
    "--discriminator",
    metavar="RUN",
    help="Training run or checkpoint, whose discriminator judges completions.",
)
@path_option("--encoders", metavar="DIR", help="Where encoders are kept; default: OUT/.encoders.")
@field_option(CompletionConfig, "tile_px", "--tile", "tile", type=_COUNT)
@device_option
def complete(
    *,
    bundle: Path,
    images: tuple[Path, ...],
    mask: str,
    out: Path,
    class_name: str | None,
    weights: str | None,
    candidates: int,
    refine_steps: int,
    seed: int,
    encoder_steps: int,
    discriminator: Path | None,
    encoders: Path | None,
    tile: int,
    device: str,
) -> None:
    """Complete the hidden part of IMAGES, files or folders, with the generator in BUNDLE.

    The generator invents what is hidden; it does not know it.
    """
    require_paths(*images)
    require_bundle(bundle)  # before PyTorch is loaded
    import numpy as np
    from PIL import Image

    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.common.files import replacing_file
    from sagan.completion.chosen import class_label
    from sagan.completion.complete import complete_images
    from sagan.completion.config import EncoderConfig
    from sagan.completion.inputs import read_images
    from sagan.training.store.discriminator import discriminator_of

    opened = GeneratorBundle.open(bundle, weights)
    config = CompletionConfig(
        seed=seed,
        candidates=candidates,
        refine_steps=refine_steps,
        encoder=EncoderConfig(steps=encoder_steps),
        tile_px=tile,
        device=device,
    )
    size, channels = opened.image_size, opened.image_channels
    kept = encoders or out / _ENCODERS
    _, drawn = complete_images(
        opened,
        read_images(images, mask, size=size, channels=channels, seed=seed, results=out),
        out,
        config,
        class_label=class_label(class_name, opened),
        encoders=kept,
        discriminator=discriminator_of(discriminator, opened),
    )
    with replacing_file(out / "sheet.png") as temporary:
        Image.fromarray(np.asarray(drawn)).save(temporary, format="PNG")
    click.echo(out / "sheet.png")
    say_next("explore", bundle, "--encoders", kept)
