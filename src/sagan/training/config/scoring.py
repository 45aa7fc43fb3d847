"""Configuration of the scores that are taken while a run trains."""

import hashlib
import json
from typing import ClassVar, Self

from pydantic import Field, NonNegativeInt, model_validator

from sagan.common.schema import AffectsMeasurement, Config
from sagan.metrics.config import EvaluationConfig
from sagan.metrics.scores.metric_info import lower_is_better


class ScoringConfig(Config):
    """Scores while training. They do not change a run: none of this is part of its identity."""

    RENAMED: ClassVar[dict[str, str]] = {"protocol": "evaluation"}

    every_images: AffectsMeasurement[NonNegativeInt] = Field(
        0, description="images between scores, each with a checkpoint; 0: no scores"
    )
    metric: AffectsMeasurement[str | None] = Field(
        None,
        description="the score that ranks checkpoints, a name in the metrics file; "
        "null: the protocol's Fréchet distance",
    )
    evaluation: EvaluationConfig = Field(
        EvaluationConfig(
            num_samples=10_000,
            kernel=None,
            neighbours=None,
            intra_class=False,
            memorisation=False,
            bootstrap_resamples=0,
            extrapolation_points=0,
        ),
        description="evaluation that gives the scores (src/sagan/metrics/config.py); keep it "
        "small, since training waits for it",
    )

    @model_validator(mode="after")
    def _metric_has_a_direction(self) -> Self:
        lower_is_better(self.name)
        return self

    @property
    def name(self) -> str:
        """The score that counts."""
        features = self.evaluation.features
        return self.metric or ("fid" if features == "inception" else f"fd_{features}")

    @property
    def kind(self) -> str:
        """Metric and protocol, which two scores must share if they are to be compared."""
        evaluation = self.evaluation.dump(affecting="measurement")
        text = json.dumps(evaluation, sort_keys=True)
        return f"{self.name} {hashlib.sha256(text.encode()).hexdigest()[:12]}"
