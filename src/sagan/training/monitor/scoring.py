"""Scores of a run while it trains: a small evaluation of the generator as it would be exported."""

import logging
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import torch

from sagan.bundle.generator_bundle import RAW
from sagan.data.shards.store import ShardStore
from sagan.metrics.metric_info import lower_is_better
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import steps_between
from sagan.training.core.state import TrainingState
from sagan.training.store.export import export_generator
from sagan.training.store.journal import Record

logger = logging.getLogger(__name__)

EVENT = "score"


@dataclass(frozen=True)
class Score:
    """What the generator was worth at one moment of its training."""

    images_seen: int
    train_seconds: float
    metric: str
    """Name of the score that counts."""
    value: float
    scores: dict[str, float]
    """All numbers of the protocol, by name."""

    @property
    def rank(self) -> float:
        """Lower is better, whatever the metric."""
        return self.value if lower_is_better(self.metric) else -self.value

    def record(self, step: int) -> Record:
        """As the journal has it; a value that is not finite is null there."""
        scores = {name: _or_none(value) for name, value in self.scores.items()}
        values = asdict(self) | {"value": _or_none(self.value), "scores": scores}
        return {"event": EVENT, "step": step, **values}

    @classmethod
    def of_record(cls, record: Record) -> Self:
        """What `record` wrote."""
        values = {name: record[name] for name in cls.__dataclass_fields__}
        scores = {name: _or_nan(value) for name, value in record["scores"].items()}
        return cls(**values | {"value": _or_nan(record["value"]), "scores": scores})


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


OnScore = Callable[[Score], None]


def is_scored(config: TrainingConfig, step: int, *, last: bool) -> bool:
    """Whether a step ends in a score; the last one does wherever there are scores."""
    every = config.scoring.every_images
    return bool(every) and (last or step % steps_between(config, every) == 0)


def scores_in(journal: list[Record]) -> list[Score]:
    """The scores of a journal, in order."""
    return [Score.of_record(record) for record in journal if record.get("event") == EVENT]


class Scorer:
    """Scores the generator of one run; nothing of the run changes, its random state included."""

    def __init__(
        self, config: TrainingConfig, shards: ShardStore, workspace: Path, device: torch.device
    ) -> None:
        """Take the run, its images, the folder of cached features, and where to compute."""
        self._config, self._shards, self._workspace = config, shards, workspace
        computed = {"device": device.type}
        self._protocol = config.scoring.evaluation.model_copy(update=computed)
        self._quiet = False

    def score(self, state: TrainingState) -> Score:
        """Evaluate the generator as it is now.

        Raises:
            ValueError: if the protocol does not give the metric.
        """
        from sagan.metrics.evaluate_generator import evaluate_generator

        config, name = self._config, self._config.scoring.name
        with tempfile.TemporaryDirectory() as folder, _apart(), _hushed(quiet=self._quiet):
            raw = self._protocol.weights == RAW
            bundle = export_generator(
                state, config, self._shards, Path(folder) / "generator", {}, raw=raw
            )
            found = evaluate_generator(bundle, self._shards, self._protocol, self._workspace)
        self._quiet = True  # what there is to say of the protocol has been said
        scores = {
            key: float(value) for key, value in found.items() if isinstance(value, int | float)
        }
        if name not in scores:
            raise ValueError(
                f"training.scoring.metric: the protocol gives no '{name}', but "
                f"{', '.join(scores)}; choose one of these, or let the protocol measure it"
            )
        score = Score(state.images_seen, round(state.train_seconds, 1), name, scores[name], scores)
        logger.info("%s images: %s %.4g", f"{score.images_seen:,}", name, score.value)
        return score


def require_scoring(config: TrainingConfig, on_score: OnScore | None) -> None:
    """Refuse before training starts what scoring could not do later.

    Raises:
        FileNotFoundError: if Inception's weights are asked for and absent.
        ModuleNotFoundError: if a library that scores need is not installed.
        ValueError: if scores are to be handed on from a process that training does not run in.
    """
    if on_score is not None and config.world_size > 1:
        raise ValueError(
            f"scores during training need one process, got devices {config.devices} x "
            f"nnodes {config.nnodes}"
        )
    if config.scoring.every_images:
        import sagan.metrics.evaluate_generator  # noqa: F401 - what it needs is missed now, not later
        from sagan.metrics.features.inception import require_weights

        require_weights(config.scoring.evaluation)


@contextmanager
def _apart() -> Iterator[None]:
    """The random state of the process is afterwards as it was before."""
    devices = range(torch.cuda.device_count())
    with torch.random.fork_rng(devices=devices):
        yield


@contextmanager
def _hushed(*, quiet: bool) -> Iterator[None]:
    """The evaluation speaks as a part of training: only of what is wrong, once."""
    speaker: Any = logging.getLogger("sagan.metrics")
    before = speaker.level
    speaker.setLevel(logging.ERROR if quiet else logging.WARNING)
    try:
        yield
    finally:
        speaker.setLevel(before)
