"""Specification of a study for its workers, and of a trial for its objective."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sagan.training.config import TrainingConfig
from sagan.tuning.config import TuningConfig
from sagan.tuning.space import SearchSpace
from sagan.tuning.storage.location import StorageLocation

Report = Callable[[int, float], None]
"""Takes images seen and the first objective's score; what it raises ends the trial."""


@dataclass(frozen=True)
class TrialContext:
    """One trial, as an objective sees it."""

    number: int
    values: Mapping[str, Any]
    """By dimension of the search space."""
    training: TrainingConfig
    """With the values applied."""
    shards: Path
    folder: Path
    """For checkpoints; another attempt at the trial finds it again."""
    feature_cache: Path
    """Folder of cached classifiers and features, shared by all trials."""
    report: Report

    @property
    def sample_grid(self) -> Path:
        """A picture that the objective may leave, PNG."""
        return self.folder / "sample_grid.png"


Objective = Callable[[TrialContext], Mapping[str, float]]
"""Numbers by name, the study's objectives among them."""


@dataclass(frozen=True)
class StudySpec:
    """All that a worker process needs; it can be pickled."""

    config: TuningConfig
    training: TrainingConfig
    location: StorageLocation = field(repr=False)
    shards: Path
    workspace: Path
    feature_cache: Path
    objective: Objective

    @property
    def space(self) -> SearchSpace:
        """The search space over the training."""
        return SearchSpace(self.config.search_space, self.training)

    @property
    def folder(self) -> Path:
        """Of the study's trials."""
        return self.workspace / self.config.study

    @property
    def logs(self) -> Path:
        """Of the workers' logs."""
        return self.folder / "workers"

    @property
    def artifacts(self) -> Path:
        """Of all studies' pictures, Optuna's artifacts; beside the journal."""
        return self.workspace / "artifacts"

    def trial_folder(self, origin: int) -> Path:
        """Of a trial and its further attempts."""
        return self.folder / f"trial-{origin:04d}"
