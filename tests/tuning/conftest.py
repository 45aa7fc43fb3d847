import pytest

from sagan.data.shards.store import ShardStore
from sagan.processes.signals import StopRequest
from sagan.training.config import TrainingConfig
from sagan.tuning.config import TuningConfig
from sagan.tuning.results import study_results
from sagan.tuning.run import open_queue, prepare, tune
from sagan.tuning.workers.context import StudySpec
from sagan.tuning.workers.trial_queue import TrialQueue
from sagan.tuning.workers.worker import Worker
from tests import small_world
from tests.small_world import PROTOCOL
from tests.tuning.objectives import bowl

STUDY = {
    "study": "small",
    "trials": 4,
    "objectives": ["fd_classifier"],
    "search_space": {
        "generator_lr": {"type": "float", "low": 0.0001, "high": 0.01, "log": True},
        "discriminator_steps": {"type": "int", "low": 1, "high": 3},
        "model.generator.attention_resolutions": {
            "type": "categorical",
            "choices": [[], [8]],
            "paths": [
                "model.generator.attention_resolutions",
                "model.discriminator.attention_resolutions",
            ],
        },
    },
    "training": {"total_images": 30},
    "score_every_images": 10,
    "evaluation": PROTOCOL,
    "sampler": {"type": "random"},
    "pruner": None,
    "heartbeat_seconds": 5,
}
TRAINING = small_world.TRAINING | {
    "batch_size": 5,
    "tensorboard": False,
    "checkpoint_every_images": 10,
    "generator_lr": 0.002,
}


@pytest.fixture(scope="session")
def shards(small_store) -> ShardStore:
    return small_store


@pytest.fixture
def study():
    """Build the parameters of a study of milliseconds, some keys replaced."""

    def build(**changes) -> TuningConfig:
        return TuningConfig.model_validate(STUDY | changes)

    return build


@pytest.fixture
def training():
    """Build the parameters of a training of seconds."""

    def build(**changes) -> TrainingConfig:
        return TrainingConfig.model_validate(TRAINING | changes)

    return build


@pytest.fixture
def tuned(study, training, shards, tmp_path):
    """Work on a study whose objective takes milliseconds."""

    def run(objective=bowl, **changes):
        return tune(study(**changes), training(), shards, tmp_path, objective=objective)

    return run


@pytest.fixture
def opened(study, training, shards, tmp_path):
    """Prepare a study and open it; nothing works on it."""

    def open_it(objective=bowl, *, base=None, **changes) -> tuple[StudySpec, TrialQueue]:
        spec = prepare(
            study(**changes),
            training(**(base or {})),
            shards,
            tmp_path,
            feature_cache=None,
            objective=objective,
        )
        return spec, open_queue(spec, shards)

    return open_it


@pytest.fixture
def alone(opened):
    """Work on a study in this process, without a page; returns its results."""

    def run(objective=bowl, **changes) -> dict:
        spec, queue = opened(objective, **changes)
        Worker(spec).work(StopRequest())
        return study_results(spec, queue)

    return run
