"""What a page asks for between its commands in words, or takes for granted."""

import shutil
import time
from collections.abc import Callable

import yaml

from tests.documented.clone import git
from tests.documented.pages import ROOT
from tests.documented.world import World

_QUEUE_SECONDS = 1800


def start_page(world: World) -> None:
    """Tracked files as they were committed; no remote of an earlier page."""
    git(world.project, "checkout", "--quiet", "--", ".")
    (world.project / ".dvc" / "config.local").unlink(missing_ok=True)


def wait_for_queue(world: World) -> None:
    """Wait until DVC's queue is worked off, and end its worker."""
    deadline = time.monotonic() + _QUEUE_SECONDS
    try:
        while time.monotonic() < deadline:
            states = set(world.told("dvc", "queue", "status").split())
            if not {"Queued", "Running"} & states:
                break
            time.sleep(2)
        else:
            raise RuntimeError(f"DVC's queue is not worked off after {_QUEUE_SECONDS} s")
    finally:  # it runs apart from the command that started it
        world.told("dvc", "queue", "stop", "--kill")
    if "Failed" in states:
        raise RuntimeError("an experiment of DVC's queue failed")


def train_default(world: World) -> None:
    """A run that can be continued: earlier lines of the page have removed the old ones."""
    world.told("kedro", "run", "--pipeline=training")


def add_environment(world: World) -> None:
    """The page's four lines in dvc.yaml, and the images' place."""
    page = (ROOT / "docs" / "reproduce.md").read_text()
    lines = (
        page.partition("## Another environment")[2].partition("```yaml\n")[2].partition("```")[0]
    )
    path = world.project / "dvc.yaml"
    head, stages, rest = path.read_text().partition("\nstages:\n")
    lines = lines.replace("/data/tiny-imagenet", world.images)
    path.write_text(f"{head.rstrip()}\n{lines}{stages}{rest}")
    path = world.project / "conf/tiny_imagenet64/parameters_acquisition.yml"
    parameters = yaml.safe_load(path.read_text())
    parameters["acquisition"]["path"] = world.images
    path.write_text(yaml.safe_dump(parameters))


def list_studies(world: World) -> None:
    """The page's word in studies/dvc.yaml, for both studies."""
    path = world.project / "studies" / "dvc.yaml"
    path.write_text(path.read_text().replace(": {}", ": {base: data}"))


def no_photos(world: World) -> None:
    """Take away what the line above imported: the page's lines are alternatives."""
    folder = world.project / "data" / "01_raw"
    (folder / "photos.dvc").unlink(missing_ok=True)
    shutil.rmtree(folder / "photos", ignore_errors=True)


def own_cache(world: World) -> None:
    """DVC's cache where it was."""
    world.told("dvc", "cache", "dir", "--unset")


def tune_tiny_imagenet(world: World) -> None:
    """A study of that environment (kedro run --pipeline=tune --env=tiny_imagenet64)."""
    images = f"--params=acquisition.path={world.images}"
    world.told("kedro", "run", "--pipeline=tune", "--env=tiny_imagenet64", images)


def pack_configuration(world: World) -> None:
    """The archive that `kedro package` leaves, by its own tar command."""
    archive = f"{world.where_the_wheel_is}/conf-sagan.tar.gz"
    world.told("tar", "--exclude=local/*.yml", "-czf", archive, "conf")


BEFORE: dict[str, Callable[[World], None]] = {
    "kedro run --pipeline=training"
    " --params=training.total_images=96000,training.continue_from=<run>": train_default,
    "dvc repro studies/dvc.yaml:tuning@base": list_studies,
    "dvc repro reporting@tiny_imagenet64": add_environment,
    "dvc import-url --to-remote /data/photos data/01_raw/photos": no_photos,
    "dvc import-url --no-download s3://bucket/photos data/01_raw/photos": no_photos,
    "dvc config cache.type reflink,hardlink,symlink": no_photos,
    "sagan tune adopt --env tiny_imagenet64 --as tiny_imagenet64_tuned": (tune_tiny_imagenet),
    "tar -xzf conf-sagan.tar.gz": pack_configuration,
}
AFTER: dict[str, Callable[[World], None]] = {
    "dvc queue start": wait_for_queue,
    "dvc cache dir /fast/disk": own_cache,
}
