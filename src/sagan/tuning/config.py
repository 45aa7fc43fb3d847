"""Configuration of the tuning pipeline (`params:tuning`)."""

import math
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)

from sagan.common.schema import Config, Seed, Settings
from sagan.metrics.config import EvaluationConfig
from sagan.tuning.objectives import check_objective

Choice = bool | int | float | str | list[Any] | None


class _Dimension(Config):
    paths: tuple[str, ...] = Field(
        (),
        description="training parameters that take the value, dotted, such as "
        "model.generator.base_channels; none: the one that the dimension is named by",
    )


class FloatDimension(_Dimension):
    """A real number in a range."""

    type: Literal["float"]
    low: float
    high: float
    log: bool = Field(False, description="evenly in the logarithm")
    step: PositiveFloat | None = Field(None, description="grid from `low` on; null: none")

    @model_validator(mode="after")
    def _range(self) -> Self:
        _check_range(self.low, self.high, log=self.log, step=self.step)
        return self


class IntDimension(_Dimension):
    """A whole number in a range, both ends included."""

    type: Literal["int"]
    low: int
    high: int
    log: bool = Field(False, description="evenly in the logarithm")
    step: PositiveInt = Field(1, description="grid from `low` on")

    @model_validator(mode="after")
    def _range(self) -> Self:
        _check_range(self.low, self.high, log=self.log, step=self.step if self.step > 1 else None)
        if not self.log and (self.high - self.low) % self.step:
            raise ValueError(f"{self.high} is not on the grid {self.low}, +{self.step}, ...")
        return self


class CategoricalDimension(_Dimension):
    """One of several values of any kind: numbers, texts, null, lists."""

    type: Literal["categorical"]
    choices: list[Choice] = Field(min_length=1)

    @field_validator("choices")
    @classmethod
    def _once(cls, choices: list[Choice]) -> list[Choice]:
        twice = [choice for number, choice in enumerate(choices) if choice in choices[:number]]
        if twice:
            raise ValueError(f"{twice[0]!r} is twice among the choices")
        return choices


Dimension = Annotated[
    FloatDimension | IntDimension | CategoricalDimension, Field(discriminator="type")
]


def _check_range(low: float, high: float, *, log: bool, step: float | None) -> None:
    if low > high:
        raise ValueError(f"low {low} is above high {high}")
    if log and low <= 0:
        raise ValueError(f"a logarithmic range needs low above 0, got {low}")
    if log and step is not None:
        raise ValueError("a logarithmic range has no step; leave out log or step")


class SamplerConfig(Config):
    """Which parameters are tried next."""

    type: Literal["tpe", "random", "qmc", "nsgaii"] = Field(
        "tpe", description="tree-structured Parzen estimator, random, quasi-Monte Carlo, or NSGA-II"
    )
    seed: Seed = Field(0, description="of the random draws that choose trials")
    startup_trials: NonNegativeInt = Field(
        10, description="of tpe: random trials (warm starts count) before the model is used"
    )
    multivariate: bool = Field(True, description="of tpe: one model of all parameters together")
    population: int = Field(50, ge=2, description="of nsgaii: trials in a generation")


class PrunerConfig(Config):
    """Which trials are not worth their remaining steps, by their scores while they train."""

    type: Literal["median", "percentile", "successive_halving"] = Field(
        "median",
        description="median: prune if worse than half of the earlier trials at the same score; "
        "percentile: the same with another share; successive_halving: keep 1/reduction per rung",
    )
    percentile: float = Field(
        50.0, gt=0, lt=100, description="of percentile: the best share that is kept [%]"
    )
    startup_trials: NonNegativeInt = Field(5, description="complete trials before any is pruned")
    first_score: PositiveInt = Field(
        1, description="the first score at which a trial can be pruned"
    )
    reduction: int = Field(4, ge=2, description="of successive_halving")


class TuningConfig(Config):
    """One study: trials of the training with other parameters, each scored the same way."""

    RENAMED: ClassVar[dict[str, str]] = {"protocol": "evaluation"}

    study: str = Field(
        "tuning", pattern=r"^[A-Za-z0-9][\w.-]*$", description="name of the study in the storage"
    )
    when_changed: Literal["refuse", "afresh"] = Field(
        "refuse",
        description="if the study of that name has other settings: refuse to mix them, or afresh: "
        "start a new one, named <study>-<hash of settings, sampler, pruner, warm starts, data and "
        "code>, as DVC's stage does",
    )
    storage: str | None = Field(
        None,
        description="null: a journal file in the workspace; a path: a journal file there; a "
        "database URL (sqlite or postgresql); env:NAME: what that environment variable says",
    )
    trials: PositiveInt = Field(
        30, description="trials of the study in all, over all workers, machines and resumptions"
    )
    workers: PositiveInt = Field(
        1, description="processes on this machine; other machines join by the same command"
    )
    timeout_seconds: PositiveFloat | None = Field(
        None, description="no trial starts later than this after the command [s]; null: no limit"
    )
    objectives: list[str] = Field(
        ["fid"],
        min_length=1,
        description="scores of the metrics file, train_seconds or parameters; the better direction "
        "of each is known. Several: the result is the Pareto front",
    )
    search_space: dict[str, Dimension] = Field(
        min_length=1,
        description="by training parameter, such as generator_lr or betas.1; null leaves out one "
        "of another environment",
    )
    training: Settings = Field(
        {}, description="training parameters of every trial, which override the pipeline's"
    )
    score_every_images: PositiveInt = Field(
        2_560_000,
        description="images between scores of a trial, after each of which it may be pruned",
    )
    evaluation: EvaluationConfig = Field(
        EvaluationConfig(), description="of scores (src/sagan/metrics/config.py)"
    )
    sampler: SamplerConfig = SamplerConfig()
    pruner: PrunerConfig | None = Field(PrunerConfig(), description="null: no trial is pruned")
    warm_starts: dict[str, Settings] = Field(
        {"default": {}},
        description="points tried first, in this order: values by dimension, the pipeline's own "
        "where left out; null leaves out a point of another environment",
    )
    keep_checkpoints: bool = Field(
        False, description="keep those of all trials; false: of the best and of unfinished ones"
    )
    failures_in_a_row: PositiveInt = Field(3, description="failed trials that stop the study")
    retries: NonNegativeInt = Field(
        2, description="how often the trial of a killed worker is retried"
    )
    heartbeat_seconds: PositiveInt = Field(
        30, description="between heartbeats of a trial [s]; after 4 missed ones it is retried"
    )

    @field_validator("search_space", "warm_starts", mode="before")
    @classmethod
    def _drop_null_entries(cls, entries: Any) -> Any:  # noqa: ANN401 - raw input of any shape
        if isinstance(entries, dict):
            return {name: entry for name, entry in entries.items() if entry is not None}
        return entries

    @model_validator(mode="after")
    def _check_objectives(self) -> Self:
        for name in self.objectives:
            check_objective(name, self.evaluation)
        if len(set(self.objectives)) < len(self.objectives):
            raise ValueError(f"objectives: one is given twice in {self.objectives}")
        return self

    @model_validator(mode="after")
    def _check_pruner(self) -> Self:
        if self.pruner and (len(self.objectives) > 1 or self.objectives[0] in _KNOWN_AT_THE_END):
            raise ValueError(
                f"pruner: a trial is pruned by one score that improves while it trains, got "
                f"objectives {self.objectives}; set pruner: null"
            )
        return self

    @model_validator(mode="after")
    def _check_warm_starts(self) -> Self:
        for name, values in self.warm_starts.items():
            for key, value in values.items():
                if key not in self.search_space:
                    known = ", ".join(self.search_space)
                    raise ValueError(
                        f"warm_starts.{name}.{key}: not searched; the search space has {known}"
                    )
                check_contains(self.search_space[key], value, f"warm_starts.{name}.{key}")
        if len(self.warm_starts) > self.trials:
            raise ValueError(
                f"warm_starts: {len(self.warm_starts)} of them do not fit into {self.trials} "
                f"trials; leave some out, tuning.warm_starts.{[*self.warm_starts][-1]}=null"
            )
        return self


_KNOWN_AT_THE_END = {"train_seconds", "parameters"}


def check_contains(dimension: Dimension, value: Any, where: str) -> None:  # noqa: ANN401 - raw
    """Refuse a value that a dimension cannot take.

    Raises:
        ValueError: naming the parameter, and what is allowed.
    """
    if isinstance(dimension, CategoricalDimension):
        plain = list(value) if isinstance(value, tuple) else value
        if plain not in dimension.choices:
            raise ValueError(f"{where}: {plain!r} is none of the choices {dimension.choices}")
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: expected a number, got {value!r}")
    if not dimension.low <= value <= dimension.high:
        raise ValueError(
            f"{where}: {value} lies outside of {dimension.low} .. {dimension.high}; widen the "
            "range, or leave the point out"
        )
    steps = (value - dimension.low) / dimension.step if dimension.step else 0.0
    if not dimension.log and not math.isclose(steps, round(steps), abs_tol=1e-6):
        raise ValueError(
            f"{where}: {value} is not on the grid {dimension.low}, +{dimension.step}, ..."
        )
