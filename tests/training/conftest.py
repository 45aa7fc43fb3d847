import pytest
import torch

from sagan.data.shards.store import ShardStore
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.training import train
from sagan.training.config import TrainingConfig
from tests.drawn_images import draw_image_folder
from tests.program import program
from tests.small_world import TRAINING
from tests.training.stored import filled
from tests.training.updates import SIZES

make_shards = program("data")

TINY = TRAINING | {
    "total_images": 40,
    "ema_decay": 0.9,
    "standing_batches": 2,
    "checkpoint_every_images": 12,
}


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """On networks this small a second thread is no gain, and minutes where the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shards(tmp_path_factory) -> ShardStore:
    root = tmp_path_factory.mktemp("drawn")
    draw_image_folder(root / "images")
    (root / "images" / "class_names.json").write_text('{"00_circle": "disc, round"}')
    assert make_shards([str(root / "images"), "--image-size", "16", "--out", str(root)]) == 0
    return ShardStore.open(next(root.glob("*/index.json")).parent)


@pytest.fixture(scope="session")
def complete_runs(shards, tmp_path_factory):
    """A folder of runs with one of `TINY`, made once; tests go on with copies."""
    folder = tmp_path_factory.mktemp("complete")
    train(TrainingConfig(**TINY), shards, folder)
    return folder


@pytest.fixture
def tiny():
    """Build a training configuration of seconds, some keys replaced."""

    def build(**changes) -> TrainingConfig:
        return TrainingConfig(**(TINY | changes))

    return build


@pytest.fixture
def store(tmp_path):
    return filled(tmp_path / "run", 2, {4: None, 8: None, 12: None})


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return Generator(latent_dim=8, **SIZES), Discriminator(**SIZES)
