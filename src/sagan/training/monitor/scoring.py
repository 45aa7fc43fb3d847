"""Scores during training: a small evaluation of the generator as it would be exported."""

import logging
import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import torch

from sagan.bundle.generator_bundle import RAW
from sagan.common.devices import random_states_kept
from sagan.data.shards.store import ShardStore
from sagan.metrics.scores.metric_info import lower_is_better
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import steps_between
from sagan.training.core.state import TrainingState
from sagan.training.store.export import export_generator
from sagan.training.store.journal import Record

logger = logging.getLogger(__name__)

EVENT = "score"


@dataclass(frozen=True)
class Score:
    """Scores of the generator at one point of its training."""

    images_seen: int
    train_seconds: float
    metric: str
    """Name of the configured metric."""
    value: float
    scores: dict[str, float]
    """All scores of the evaluation, by name."""

    @property
    def rank(self) -> float:
        """The value with its sign chosen so that lower is better."""
        return self.value if lower_is_better(self.metric) else -self.value

    def to_record(self, step: int) -> Record:
        """Record for the journal, with null for values that are not finite."""
        scores = {name: _or_none(value) for name, value in self.scores.items()}
        values = asdict(self) | {"value": _or_none(self.value), "scores": scores}
        return {"event": EVENT, "step": step, **values}

    @classmethod
    def from_record(cls, record: Record) -> Self:
        """The inverse of `to_record`."""
        values = {name: record[name] for name in cls.__dataclass_fields__}
        scores = {name: _or_nan(value) for name, value in record["scores"].items()}
        return cls(**values | {"value": _or_nan(record["value"]), "scores": scores})


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


OnScore = Callable[[Score], None]


def is_scored(config: TrainingConfig, step: int, *, last: bool) -> bool:
    """Whether a step ends in a score; if there are scores, the last one does."""
    every = config.scoring.every_images
    return bool(every) and (last or step % steps_between(config, every) == 0)


def scores_in(journal: list[Record]) -> list[Score]:
    """All scores in a journal, in order."""
    return [Score.from_record(record) for record in journal if record.get("event") == EVENT]


class Scorer:
    """Scores the generator of a run without changing the run or its random state."""

    def __init__(
        self, config: TrainingConfig, shards: ShardStore, workspace: Path, device: torch.device
    ) -> None:
        """Prepare to score a run; `workspace` is the folder of cached features."""
        self._config, self._shards, self._workspace = config, shards, workspace
        asked = config.scoring.evaluation.followed()
        self._protocol = asked.model_copy(update={"device": device.type})
        self._log_level = logging.WARNING

    def score(self, state: TrainingState) -> Score:
        """Evaluate the generator as it is now.

        Raises:
            ValueError: if the protocol does not contain the metric.
        """
        from sagan.metrics.evaluate_generator import evaluate_generator

        config, name = self._config, self._config.scoring.name
        with (
            tempfile.TemporaryDirectory() as folder,
            random_states_kept(),
            _metrics_log_level(self._log_level),
        ):
            raw = self._protocol.weights == RAW
            bundle = export_generator(
                state, config, self._shards, Path(folder) / "generator", {}, raw=raw
            )
            found = evaluate_generator(bundle, self._shards, self._protocol, self._workspace)
        self._log_level = logging.ERROR  # warnings about the protocol have been logged
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


def require_scoring(config: TrainingConfig, shards: ShardStore, on_score: OnScore | None) -> None:
    """Check before training starts that scoring will be possible.

    Raises:
        FileNotFoundError: if Inception's weights are asked for and absent.
        ModuleNotFoundError: if a library needed for scores is not installed.
        ValueError: if `on_score` is given for training in several processes, or the features of a
            classifier are asked for and there is one class.
    """
    if on_score is not None and config.world_size > 1:
        raise ValueError(
            f"scores during training need one process, got devices {config.devices} x "
            f"nnodes {config.nnodes}"
        )
    if config.scoring.every_images:
        import sagan.metrics.evaluate_generator  # noqa: F401 - fails early if a library is missing
        from sagan.metrics.features.extractor import require_classes
        from sagan.metrics.features.inception import require_weights

        require_weights(config.scoring.evaluation)
        require_classes(config.scoring.evaluation, shards.num_classes)


@contextmanager
def _metrics_log_level(level: int) -> Iterator[None]:
    """Log only messages of the evaluation of at least this level."""
    metrics_logger = logging.getLogger("sagan.metrics")
    before = metrics_logger.level
    metrics_logger.setLevel(level)
    try:
        yield
    finally:
        metrics_logger.setLevel(before)
