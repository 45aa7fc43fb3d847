"""What a page's placeholders stand for: images, archives, other machines, a bucket, a database."""

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from tests.data import published
from tests.drawn_images import draw_image_folder
from tests.tuning import postgresql

BUCKET = "bucket"
CLASSES = 12  # of ImageNet's thousand


class NotHereError(Exception):
    """This machine lacks what the command needs; says what."""


@dataclass
class World:
    """Around one clone; what it has is made when it is first asked for.

    Args:
        folder: for all that is made.
        project: the clone.
        variables: the user's environment.
        stack: ends what was started.
    """

    folder: Path
    project: Path
    variables: dict[str, str] = field(repr=False)
    stack: ExitStack = field(repr=False)

    # -- images ------------------------------------------------------------------------------

    @cached_property
    def images(self) -> str:
        """A class folder of drawn images as large as Tiny ImageNet's, enough for every gate."""
        drawn = draw_image_folder(
            self.folder / "images", classes=2, per_class=100, size=64, val_per_class=10
        )
        return str(drawn)

    @cached_property
    def tiny_imagenet(self) -> str:
        """The same images as Tiny ImageNet is published: folders `images`, a table for `val`."""
        drawn, root = Path(self.images), self.folder / "tiny_imagenet"
        for path in drawn.glob("train/*/*"):
            name = f"train/{path.parent.name}/images/{path.name}"
            published.write_files(root, {name: path.read_bytes()})
        lines = []
        for path in sorted(drawn.glob("val/*/*")):
            name = f"{path.parent.name}_{path.name}"
            published.write_files(root / "val/images", {name: path.read_bytes()})
            lines.append(f"{name}\t{path.parent.name}\t0\t0\t63\t63\n")
        (root / "val/val_annotations.txt").write_text("".join(lines))
        return str(root)

    @cached_property
    def cifar10(self) -> str:
        """A class folder of drawn images as large as CIFAR-10's."""
        drawn = draw_image_folder(
            self.folder / "cifar10", classes=2, per_class=100, size=32, val_per_class=10
        )
        return str(drawn)

    @cached_property
    def photos(self) -> str:
        """A small class folder."""
        return str(draw_image_folder(self.folder / "photos", classes=2, per_class=4))

    @property
    def benchmark_images(self) -> str:
        return f"benchmarks.preprocessing {self.images}"

    @cached_property
    def archives(self) -> str:
        """ILSVRC-2012's three archives, of a few drawn images of some of its classes."""
        names = files("sagan.validation").joinpath("ilsvrc2012.txt").read_text().split()[:CLASSES]
        return str(published.write_ilsvrc(self.folder / "archives", names))

    @cached_property
    def kaggle(self) -> str:
        return str(published.write_kaggle(self.folder / "kaggle"))

    @property
    def two_sets(self) -> str:
        weights = f"--set {self.inception_weights} --set inception_sha256={self.weights_sha256}"
        return f"evaluate {self.photos}/val {self.photos}/train {weights}"

    @cached_property
    def weights(self) -> Path:
        """Inception's, drawn from a seed."""
        from benchmarks.evaluation_baselines import seeded_weights

        return seeded_weights(self.folder / "inception.pth")

    @property
    def inception_weights(self) -> str:
        return f"inception_weights={self.weights}"

    def parameters(self) -> dict:
        """Of conf/, by environment and pipeline: the hash of Inception's weights."""
        return {"imagenet128": {"evaluation": {"inception_sha256": self.weights_sha256}}}

    @property
    def weights_sha256(self) -> str:
        return sha256(self.weights.read_bytes()).hexdigest()

    # -- other places ------------------------------------------------------------------------

    def _made(self, name: str) -> str:
        (self.folder / name).mkdir(exist_ok=True)
        return str(self.folder / name)

    @property
    def local_shards(self) -> str:
        return self._made("local_shards")

    @property
    def remote(self) -> str:
        return self._made("remote")

    @property
    def shared_remote(self) -> str:
        return self._made("shared_remote")

    @property
    def fast_disk(self) -> str:
        return self._made("fast_disk")

    @property
    def another_machine(self) -> str:
        return self._made("another_machine")

    @property
    def where_the_wheel_is(self) -> str:
        return self._made("where_the_wheel_is")

    @property
    def repository(self) -> str:
        return str(self.project.parent / "origin.git")

    # -- what earlier commands left ----------------------------------------------------------

    bundle = "data/06_models/generator"
    latents = "pictures/samples.npz"
    out = "--out drawn"
    report = "data/08_reporting/report.html"
    stage = "sampling@base"
    environment = "base"

    @property
    def key(self) -> str:
        """Of the digits' shards."""
        return _newest(self.project / "data/05_model_input/shards", "index.json").name

    @property
    def own_store(self) -> str:
        """The newest one that `sagan data` has made."""
        return f" shards/{_newest(self.project / 'shards', 'index.json').name}"

    @property
    def few_images(self) -> str:
        return f"few/{_newest(self.project / 'few', 'index.json').name}"

    @property
    def ten_classes(self) -> str:
        return f"ten/{_newest(self.project / 'ten', 'index.json').name}"

    @property
    def ten_classes_few_images(self) -> str:
        return f"ten_few/{_newest(self.project / 'ten_few', 'index.json').name}"

    @property
    def cifar10_run(self) -> str:
        runs = self.project / "data/cifar10/06_models/checkpoints"
        return f"checkpoints/{_newest(runs, 'summary.json').name}"

    @property
    def cifar10_store(self) -> str:
        shards = "cifar10/05_model_input/shards"
        return f"{shards}/{_newest(self.project / 'data' / shards, 'index.json').name}"

    @property
    def shards_and_runs(self) -> str:
        return f"data/05_model_input/shards/{self.key} --out runs"

    @property
    def newest_run(self) -> str:
        return f"runs/{_newest(self.project / 'runs', 'summary.json').name}"

    @property
    def default_run(self) -> str:
        """The finished run of the parameters that stand in conf/base."""
        from sagan.training.config import TrainingConfig

        base = self.project / "conf/base"
        training, preprocessing = (
            yaml.safe_load((base / f"parameters_{name}.yml").read_text())[name]
            for name in ("training", "preprocessing")
        )
        config = TrainingConfig(**training).for_image_size(preprocessing["image_size"])
        wanted = config.model_dump(mode="json")
        for path in (self.project / "data/06_models/checkpoints").glob("*/identity.json"):
            parameters = json.loads(path.read_text())["parameters"]
            if all(wanted.get(name) == value for name, value in parameters.items()):
                return f"continue_from={path.parent.name}"
        raise RuntimeError("no run of the default parameters is left")

    @property
    def experiment(self) -> str:
        return self.told("dvc", "exp", "list", "--name-only").split()[0]

    def told(self, *words: str) -> str:
        """What a command of the user's says, in the clone."""
        done = subprocess.run(
            words,
            cwd=self.project,
            env=self.variables,
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout

    # -- services ----------------------------------------------------------------------------

    @cached_property
    def postgresql(self) -> str:
        """User, password and address of a database of its own."""
        password = secrets.token_urlsafe(12)
        server = postgresql.server(password=password)
        try:
            address = self.stack.enter_context(server)
        except postgresql.NotInstalledError as error:
            raise NotHereError(str(error)) from None
        parts = urlsplit(address)
        return f"{parts.netloc}{parts.path}"


def _newest(folder: Path, with_file: str) -> Path:
    """The newest folder below one that has such a file."""
    found = list(folder.glob(f"*/{with_file}"))
    if not found:
        raise RuntimeError(f"no {folder}/*/{with_file}: an earlier command has not made it")
    return max(found, key=lambda path: path.stat().st_mtime).parent


@contextmanager
def bucket(photos: Path) -> Iterator[dict[str, str]]:
    """An S3 server with one bucket, with photos in it; yields the variables that lead there."""
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # not a line a request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        address = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        client.create_bucket(Bucket=BUCKET)
        for path in sorted(photos.rglob("*.png")):
            client.upload_file(str(path), BUCKET, f"photos/{path.relative_to(photos)}")
        yield keys | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": address}
    finally:
        server.stop()
