"""`sagan explore`, and `kedro explore`: the attention explorer's page."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sagan.bundle.description import CONFIG, parse_description, read_bundle_config, require_bundle
from sagan.commands.group import Command, path_option
from sagan.completion.config import CompletionConfig

if TYPE_CHECKING:
    from sagan.data.shards.store import ShardStore

logger = logging.getLogger(__name__)


@click.command(cls=Command)
@click.argument("bundle", required=False, type=click.Path(path_type=Path))
@click.option(
    "--env",
    "-e",
    default="base",
    show_default=True,
    help="Without BUNDLE: the environment whose generator to open.",
)
@path_option("--compare", metavar="BUNDLE", help="A second generator, for the same latents.")
@click.option(
    "--weights",
    type=click.Choice(["ema", "raw"]),
    help="Only averaged or only raw weights; default: all in the bundle.",
)
@path_option(
    "--shards", metavar="SHARDS", help="Validation images to complete; default: the project's."
)
@path_option(
    "--encoders",
    metavar="DIR",
    help="Where the encoder of completion is kept; default: the project's, or for this page only.",
)
@click.option("--port", type=int, help="Default: the first free one from 7860.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option("--no-browser", is_flag=True, help="Print the address, do not open a browser.")
def explore(
    *,
    bundle: Path | None,
    env: str,
    compare: Path | None,
    weights: str | None,
    shards: Path | None,
    encoders: Path | None,
    port: int | None,
    device: str,
    no_browser: bool,
) -> None:
    """Open a page on this machine: where a generator attends, and what it completes.

    BUNDLE is a generator's folder; left out, the one that training left in the Kedro project.
    """
    completion = None
    if bundle is None:
        bundle, own_shards, own_encoders, completion = _trained(env)
        shards, encoders = shards or _offered(own_shards, bundle), encoders or own_encoders
    for path in filter(None, (bundle, compare)):
        require_bundle(path)  # before Gradio and PyTorch are loaded
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio's requests to itself
    logger.info("starting the page")  # the import of Gradio takes seconds
    from sagan.explorer.explore import explore as serve

    serve(
        bundle,
        compare,
        weights=weights,
        shards=shards,
        encoders=encoders,
        completion=completion,
        port=port,
        device=device,
        open_browser=not no_browser,
    )


def _offered(shards: "ShardStore | None", bundle: Path) -> Path | None:
    """The project's shards, where they have validation images like the generator's."""
    if shards is None or "val" not in shards.splits:
        return None
    made = parse_description(read_bundle_config(bundle), bundle / CONFIG)
    if (shards.image_size, shards.image_channels) == (made.image_size, made.channels):
        return shards.path
    logger.info(
        "the project's shards hold images of %d px and %d channels, the generator makes %d px and "
        "%d channels: its samples are offered for completion, not validation images",
        *(shards.image_size, shards.image_channels, made.image_size, made.channels),
    )
    return None


def _trained(env: str) -> "tuple[Path, ShardStore | None, Path, CompletionConfig]":
    """Folder of the bundle, shards if there are any, folder of encoders; how to complete."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project
    from kedro.utils import find_kedro_project

    from sagan.datasets.base import FileDataset, unwrapped

    project = find_kedro_project(Path.cwd()) or Path.cwd()
    if not (project / "conf").is_dir():
        raise FileNotFoundError("there is no conf/ here: name the BUNDLE, or go to the project")
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env=env) as session:
        catalog = session.load_context().catalog
        dataset = unwrapped(catalog.get("generator_bundle"))
        local = isinstance(dataset, FileDataset) and dataset.is_local
        bundle = dataset.filepath if local else Path(dataset.load().path)
        shards: ShardStore | None = None
        if catalog.exists("image_shards"):
            shards = catalog.load("image_shards")
        completion = CompletionConfig.model_validate(catalog.load("params:completion"))
        return bundle, shards, Path(catalog.load("encoders_workspace")), completion
