"""`sagan data` and `sagan data transfer`: image shards, without Kedro."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from sagan.commands.group import Command, field_option, path_option, say_next
from sagan.data.config import AcquisitionConfig, PreprocessingConfig, Source

if TYPE_CHECKING:
    from sagan.data.image_folder import ImageFolder
    from sagan.data.manifest.build import ImageRecord

logger = logging.getLogger(__name__)


@click.command(cls=Command)
@click.argument("images", required=False)
@path_option("--out", required=True, metavar="DIR", help="Folder for the shards.")
@field_option(AcquisitionConfig, "source", metavar="KIND", help=f"{', '.join(get_args(Source))}.")
@path_option("--raw", metavar="DIR", help="For what is extracted or linked; default: raw in --out.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="Any other parameter of acquisition, such as classes='goldfish;crane'.",
)
@field_option(PreprocessingConfig, "image_size")
@field_option(PreprocessingConfig, "channels")
@click.option(
    "--also-sizes",
    type=int,
    multiple=True,
    metavar="SIZE",
    help="Another size in the same pass; can be repeated.",
)
@field_option(PreprocessingConfig, "resizer")
@field_option(PreprocessingConfig, "fit")
@field_option(PreprocessingConfig, "pad_colour", nargs=3, type=click.IntRange(0, 255))
@field_option(
    PreprocessingConfig,
    "orientation",
    type=click.Choice(["upright", "as_stored"]),
    default=None,
    help="Whether images are turned by their EXIF orientation. Default: upright for source folder, "
    "as_stored, as ImageNet's loaders leave them, for the published sets.",
)
@field_option(PreprocessingConfig, "shard_images")
@field_option(PreprocessingConfig, "workers")
@click.option(
    "--min-classes", type=int, default=2, show_default=True, help="Fewer class folders are refused."
)
@click.option(
    "--max-bad-fraction",
    type=click.FloatRange(0, 1),
    default=0.001,
    show_default=True,
    help="Share of images that may fail to decode.",
)
def data(
    *,
    images: str | None,
    out: Path,
    source: str,
    raw: Path | None,
    assignments: tuple[str, ...],
    min_classes: int,
    max_bad_fraction: float,
    **settings: Any,  # noqa: ANN401
) -> None:
    """Make image shards from IMAGES, the path of the source (digits need none).

    This is acquisition, validation and preprocessing without Kedro, Great Expectations and pandas.
    Validation is reduced: there are several classes, each has images, and few images are broken.
    """
    from sagan.common.parameters import load_settings
    from sagan.data.sources.acquire import acquire

    config = PreprocessingConfig(**settings)
    given = load_settings("acquisition", [], assignments, AcquisitionConfig)
    if beside := sorted(given.keys() & {"source", "path"}):
        raise ValueError(f"--set {beside[0]}: give the path as IMAGES, and its kind as --source")
    acquisition = given | {"source": source, "path": images}
    folder = acquire(AcquisitionConfig(**acquisition), raw or out / "raw")
    if len(folder.class_names) < min_classes:
        raise ValueError(
            f"'{folder.path}' has {len(folder.class_names)} class ({folder.class_names[0]}), "
            f"expected at least {min_classes}: is there one folder level too many, or is the set "
            "incomplete? For one class on purpose give --min-classes 1"
        )
    config = config.oriented(published=folder.published)
    sound = _sound_images(folder, config, max_bad_fraction)

    from sagan.data.shards.build import build_stores  # torch, once the input is known to be good

    shards = build_stores(folder.path, sound, out, config, folder.class_titles)[0].path
    click.echo(shards)
    say_next("train", shards, "--out", "runs", "--dry-run")  # defaults are ImageNet's


def _sound_images(
    folder: ImageFolder, config: PreprocessingConfig, max_bad_fraction: float
) -> list[ImageRecord]:
    """The images that decode; too many others, or a class without any, are refused."""
    from sagan.data.config import ManifestConfig
    from sagan.data.folder_names import first_five
    from sagan.data.manifest.build import ImageRecord, scan_images, warn_of_lost_colours

    images, bad, turned, modes = [], [], 0, []
    for place, facts in scan_images(folder, ManifestConfig(workers=config.workers)):
        if facts.decodable and facts.sha256:
            images.append(ImageRecord(place.path, place.split, place.class_name, facts.sha256))
            turned += facts.orientation != 1
            modes.append(facts.mode)
        else:
            bad.append(f"{place.path} ({facts.reason})")
    if bad:
        noun = "image" if len(bad) == 1 else "images"
        text = f"{len(bad):,} {noun} cannot be used: {first_five(bad)}"
        if not len(bad) <= max_bad_fraction * (len(images) + len(bad)):  # NaN allows none
            raise ValueError(
                f"{text}; allowed fraction: {max_bad_fraction}; repair or remove them, or leave "
                "them out by a larger --max-bad-fraction"
            )
        logger.warning("left out: %s", text)
    if turned:
        logger.warning("%s images are not stored upright; see --orientation", f"{turned:,}")
    warn_of_lost_colours(modes, config.channels)
    for split in folder.splits:
        filled = {image.class_name for image in images if image.split == split}
        lost = sorted(set(folder.class_names) - filled)
        if lost:
            raise ValueError(f"no usable image in {split}/ for the classes {first_five(lost)}")
    return images


@click.command(cls=Command)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def transfer(source: str, target: str) -> None:
    """Copy the shard store FROM into the folder TO; one of them may be an fsspec address.

    Each file is checked. An interrupted copy is continued by the same command.
    """
    from sagan.common.addresses import is_address, mask_secrets
    from sagan.data.shards.store import ShardStore
    from sagan.data.shards.transfer import fetch_store, publish_store

    if Path(source).is_dir():
        store = ShardStore.open(Path(source))
        publish_store(store, f"{target.rstrip('/')}/{store.key}")
    elif is_address(target):
        named = mask_secrets(source, source)
        raise ValueError(f"'{named}' is no folder of shards, and TO is none here")
    else:
        shards = fetch_store(source, Path(target)).path
        click.echo(shards)
        say_next("train", shards, "--out", "runs", "--dry-run")  # defaults are ImageNet's
