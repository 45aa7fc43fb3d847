"""Search space: dimensions as Optuna's distributions, and trainings with values of them."""

import copy
import json
from collections.abc import Iterator, Mapping
from typing import Any

from optuna import distributions as d
from pydantic import ValidationError

from sagan.common.schema import (
    Settings,
    deep_merge,
    describe_faults,
    mark_of,
    unknown_key,
)
from sagan.network_config import ModelConfig
from sagan.training.config import TrainingConfig
from sagan.training.config.recipes import recipe_paths
from sagan.tuning.config import (
    CategoricalDimension,
    Dimension,
    FloatDimension,
    TuningConfig,
    check_contains,
)
from sagan.tuning.objectives import COSTS
from sagan.tuning.parameter_paths import check_path, set_value, value_at


class SearchSpace:
    """The dimensions of a study over one training configuration."""

    def __init__(self, dimensions: Mapping[str, Dimension], base: TrainingConfig) -> None:
        """Combine the dimensions with the training whose other parameters stay."""
        self.dimensions = dict(dimensions)
        self.base: Settings = base.model_dump(mode="json") | {"recipe": None}
        self._recipe = base.recipe
        # what decides the weights, but for how long and from where a run trains
        self._searchable = [
            name
            for name in base.dump(affecting="weights")
            if not (mark := mark_of(TrainingConfig.model_fields[name])) or not mark.may_change
        ]

    def check(self) -> None:
        """Check every path and every end of a range against the training's model.

        Raises:
            ValueError: listing all faults, misspelt paths with the nearest known one.
        """
        faults = self._path_faults() or self._value_faults()
        if faults:
            listed = "\n".join(f"  {fault}" for fault in faults)
            raise ValueError(f"tuning.search_space:\n{listed}")

    def _path_faults(self) -> list[str]:
        faults, taken = [], dict[str, str]()
        for name in self.dimensions:
            for path in self.paths(name):
                try:
                    check_path(path, self.base)
                    self._check_searchable(path)
                except ValueError as error:
                    faults.append(str(error))
                if path in taken:
                    faults.append(f"{path}: set by {taken[path]} and by {name}")
                taken[path] = name
        return faults

    def _check_searchable(self, path: str) -> None:
        if path.split(".", maxsplit=1)[0] not in self._searchable:
            raise ValueError(
                f"{path}: it is the same in all trials, or does not change what is trained"
            )
        if self._recipe and any(
            path == fixed or path.startswith(f"{fixed}.") for fixed in recipe_paths(self._recipe)
        ):
            raise ValueError(
                f"{path}: training.recipe={self._recipe} sets it itself; leave the recipe out and "
                "give its parameters (src/sagan/training/config/recipes.yml)"
            )

    def _value_faults(self) -> list[str]:
        """Faults of the training with one dimension at one of its ends."""
        faults = []
        for name, value in self._ends():
            try:
                self.training({name: value})
            except ValidationError as error:
                found = "; ".join(describe_faults(error))
                faults.append(f"{name}: {value!r} does not fit the training: {found}")
        return faults

    def check_networks(self, image_size: int) -> None:
        """Refuse dimensions at whose ends the networks cannot be built.

        Args:
            image_size: side of the images [px].

        Raises:
            ValueError: listing all faults.
        """
        from sagan.training.config.networks import network_faults

        def built(training: TrainingConfig) -> tuple[ModelConfig, int]:
            return training.model, training.freeze_discriminator_layers

        model, frozen = base = built(self.training({}))
        faults = network_faults(model, image_size=image_size, frozen_blocks=frozen)
        for name, value in self._ends() if not faults else ():
            changed = model, frozen = built(self.training({name: value}))
            if changed != base:
                found = network_faults(model, image_size=image_size, frozen_blocks=frozen)
                faults += [f"tuning.search_space.{name}: {value!r}: {fault}" for fault in found]
        if faults:
            listed = "\n".join(f"  {fault}" for fault in faults)
            raise ValueError(
                f"networks that cannot be built for images of {image_size} px:\n{listed}"
            )

    def _ends(self) -> Iterator[tuple[str, Any]]:
        """Each dimension with one of its ends, or of its choices."""
        for name, dimension in self.dimensions.items():
            if isinstance(dimension, CategoricalDimension):
                ends = dimension.choices
            else:
                ends = [dimension.low, dimension.high]
            yield from ((name, value) for value in ends)

    def paths(self, name: str) -> tuple[str, ...]:
        """The training parameters that a dimension sets."""
        return self.dimensions[name].paths or (name,)

    def _applied(self, values: Mapping[str, Any]) -> Settings:
        """All parameters of the training with values of dimensions."""
        settings = copy.deepcopy(self.base)
        for name, value in values.items():
            for path in self.paths(name):
                set_value(settings, path, value)
        return settings

    def own_values(self) -> dict[str, Any]:
        """The untuned training's value of each dimension."""
        return {name: value_at(self.base, self.paths(name)[0]) for name in self.dimensions}

    def starting_points(self, warm_starts: Mapping[str, Settings]) -> dict[str, dict[str, Any]]:
        """Each warm start with all dimensions, in Optuna's encoding.

        Raises:
            ValueError: one takes the training's own value, which is not in the space.
        """
        points = {}
        for name, given in warm_starts.items():
            values = self.own_values() | dict(given)
            for key, value in values.items():
                check_contains(self.dimensions[key], value, f"tuning.warm_starts.{name}: {key}")
            points[name] = {key: _encoded(value) for key, value in values.items()}
        return points

    def distributions(self) -> dict[str, d.BaseDistribution]:
        """The dimensions as Optuna's distributions."""
        return {name: _distribution(dimension) for name, dimension in self.dimensions.items()}

    def decoded(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Values for the training, from Optuna's encoding."""
        return {name: _decoded(self.dimensions[name], value) for name, value in params.items()}

    def misfit(self, point: Mapping[str, Any]) -> str | None:
        """Why a point in Optuna's encoding is not of this space; None: it is."""
        try:
            for name, value in point.items():
                if name not in self.dimensions:
                    phrase = unknown_key(name, self.dimensions)
                    raise ValueError(phrase.replace("unknown key", "not searched:"))
                check_contains(self.dimensions[name], _decoded(self.dimensions[name], value), name)
        except ValueError as error:
            return f"{error} (a queued point)"
        return None

    def training(self, values: Mapping[str, Any]) -> TrainingConfig:
        """The training with values of dimensions.

        Raises:
            pydantic.ValidationError: if they do not go together.
        """
        return TrainingConfig.model_validate(self._applied(values))

    def changes(self, values: Mapping[str, Any]) -> Settings:
        """Nested training parameters with only the values; a list is given whole."""
        changed: Settings = {}
        settings = self._applied(values)
        for name in values:
            for path in self.paths(name):
                parts = [part for part in path.split(".") if not part.isdecimal()]
                layer: Any = value_at(settings, ".".join(parts))
                for part in reversed(parts):
                    layer = {part: layer}
                changed = deep_merge(changed, layer)
        return changed

    def record(self) -> Settings:
        """JSON-able identity of the space."""
        return {
            name: dimension.model_dump(mode="json") | {"paths": list(self.paths(name))}
            for name, dimension in self.dimensions.items()
        }


def trial_training(config: TuningConfig, training: TrainingConfig) -> TrainingConfig:
    """The training of a trial before values are applied: the pipeline's, with the study's own.

    Raises:
        ValueError: if they do not go together, or training would need several processes.
    """
    # averaged weights are measured, and raw ones beside them would double what trials keep
    own = training.model_dump(mode="json") | {"recipe": None, "export_raw": False}
    taken = sorted({"recipe", "scoring", "export"} & config.training.keys())
    if taken:
        raise ValueError(f"tuning.training: {', '.join(taken)} is set by the study itself")
    scoring = {
        "every_images": config.score_every_images,
        "metric": next((name for name in config.objectives if name not in COSTS), None),
        "evaluation": config.evaluation.model_dump(mode="json"),
    }
    laid = deep_merge(own, config.training) | {"scoring": scoring, "keep_checkpoints": 1}
    try:
        made = TrainingConfig.model_validate(laid | {"export": "last"})
    except ValidationError as error:
        raise ValueError("\n".join(describe_faults(error, "tuning.training"))) from None
    if made.world_size > 1:
        raise ValueError(
            f"training.devices {made.devices} x nnodes {made.nnodes}: a trial is trained by one "
            "process; set training.devices=1 and tuning.workers to the number of GPUs"
        )
    return made.model_copy(update={"recipe": training.recipe})


def _distribution(dimension: Dimension) -> d.BaseDistribution:
    if isinstance(dimension, CategoricalDimension):
        return d.CategoricalDistribution([*map(_encoded, dimension.choices)])
    kind = d.FloatDistribution if isinstance(dimension, FloatDimension) else d.IntDistribution
    return kind(dimension.low, dimension.high, log=dimension.log, step=dimension.step)


def _encoded(value: Any) -> Any:  # noqa: ANN401 - a parameter
    """A value as Optuna stores it: numbers, texts, None; lists as JSON text."""
    return json.dumps(value) if isinstance(value, list | tuple) else value


def _decoded(dimension: Dimension, value: Any) -> Any:  # noqa: ANN401 - a parameter
    if isinstance(dimension, CategoricalDimension):
        texts = {json.dumps(c): c for c in dimension.choices if isinstance(c, list)}
        return texts.get(value, value) if isinstance(value, str) else value
    return value
