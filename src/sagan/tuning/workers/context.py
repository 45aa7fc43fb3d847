"""What a worker is told, and what it hands to an objective."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagan.training.config import TrainingConfig
from sagan.tuning.config import TuningConfig
from sagan.tuning.space import SearchSpace
from sagan.tuning.storage.location import Place

Report = Callable[[int, float], None]
"""Takes images seen and the first objective's score; what it raises ends the trial."""


@dataclass(frozen=True)
class Attempt:
    """One trial, as an objective sees it."""

    number: int
    values: Mapping[str, Any]
    """By dimension of the search space."""
    training: TrainingConfig
    """With the values in it."""
    shards: Path
    folder: Path
    """For what is made on the way; a second attempt at the trial finds it again."""
    features: Path
    """Folder of cached classifiers and features, shared by all."""
    report: Report


Objective = Callable[[Attempt], Mapping[str, float]]
"""Numbers by name, the study's objectives among them."""


@dataclass(frozen=True)
class Job:
    """All that a worker process needs; it can be pickled."""

    config: TuningConfig
    training: TrainingConfig
    place: Place = field(repr=False)
    shards: Path
    workspace: Path
    features: Path
    objective: Objective

    @property
    def space(self) -> SearchSpace:
        """The search space over the training."""
        return SearchSpace(self.config.search_space, self.training)

    @property
    def folder(self) -> Path:
        """Of the study's trials."""
        return self.workspace / self.config.study

    def trial_folder(self, origin: int) -> Path:
        """Of a trial and its further attempts."""
        return self.folder / f"trial-{origin:04d}"
