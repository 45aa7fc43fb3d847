"""A study in its storage: made with its warm starts, or gone on with where it is the same."""

import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from sagan.common.files import source_hash
from sagan.common.schema import ClearError
from sagan.tuning.config import PrunerConfig, SamplerConfig, TuningConfig
from sagan.tuning.objectives import minimised
from sagan.tuning.space import SearchSpace

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.storages import BaseStorage

logger = logging.getLogger(__name__)

_SETTINGS = "sagan"  # the study's attribute with what may not change
_SHOWN = 12
# what decides about a trial's weights and scores, and about which trial is next
_CODE = (
    "common/pixels.py",
    "models",
    "sampling",
    "metrics",
    "training",
    "tuning",
)


class OtherStudyError(ClearError, ValueError):
    """The storage has a study of that name, and it is another one."""


def study_settings(config: TuningConfig, space: SearchSpace, data: dict[str, Any]) -> Any:  # noqa: ANN401
    """What makes two studies' trials comparable, JSON-able.

    Args:
        config: the study.
        space: with the training of its trials.
        data: what names the images.
    """
    return {
        "objectives": config.objectives,
        "search_space": space.record(),
        "training": space.training({}).dump(affecting="weights"),
        "score_every_images": config.score_every_images,
        "evaluation": config.evaluation.dump(affecting="measurement"),
        "data": data,
    }


def named_by_content(
    config: TuningConfig, space: SearchSpace, data: dict[str, Any]
) -> TuningConfig:
    """The study under a name that changes with all that decides about its trials.

    Not with how it is worked on, nor with how many trials there are: more of them go on with it.

    Args:
        config: the study.
        space: with the training of its trials.
        data: what names the images.
    """
    chosen_by = config.model_dump(mode="json", include={"sampler", "pruner", "warm_starts"})
    content = {
        **study_settings(config, space, data),
        **chosen_by,
        "code": source_hash(*_CODE),
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    return config.model_copy(update={"study": f"{config.study}-{digest}"})


def open_study(
    config: TuningConfig, storage: "BaseStorage", settings: dict[str, Any], points: dict[str, Any]
) -> "Study":
    """Find the study, or make it and put its warm starts first in the queue.

    Only one process may do so at a time; see `sagan.tuning.storage.location.turn`.

    Args:
        config: the study.
        storage: opened.
        settings: as `study_settings`.
        points: warm starts by name, complete, as Optuna takes them.

    Raises:
        OtherStudyError: there is one with other settings; with the differences.
    """
    import optuna

    directions = ["minimize" if minimised(name) else "maximize" for name in config.objectives]
    study = optuna.create_study(
        study_name=config.study,
        storage=storage,
        directions=directions,
        load_if_exists=True,
        sampler=make_sampler(config.sampler, 0),
        pruner=make_pruner(config.pruner),
    )
    known = study.user_attrs.get(_SETTINGS)
    if known is None and not study.get_trials(deepcopy=False):
        _begin(study, config, settings, directions)
    else:
        _require_same(study, known, settings, directions)
    queued = {trial.user_attrs.get("name") for trial in study.get_trials(deepcopy=False)}
    for name, point in points.items():
        if name not in queued:  # all of them, but for a process killed while it made the study
            study.enqueue_trial(point, user_attrs={"name": name})
    return study


def _begin(
    study: "Study", config: TuningConfig, settings: dict[str, Any], directions: list[str]
) -> None:
    _require_directions(study, directions)
    study.set_metric_names(config.objectives)
    study.set_user_attr(_SETTINGS, settings)


def _require_same(
    study: "Study", known: dict[str, Any] | None, settings: dict[str, Any], directions: list[str]
) -> None:
    from sagan.training.store.identity import differences

    _require_directions(study, directions)
    if known is None:
        raise OtherStudyError(
            f"tuning.study: the storage has a study '{study.study_name}' that this project did "
            f"not make; {_remedy(study)}"
        )
    if (
        "protocol" in known
    ):  # the key of `evaluation` before random streams had numbers of their own
        raise OtherStudyError(
            f"tuning.study: '{study.study_name}' was started by an earlier version, whose trials "
            f"cannot be compared with new ones; {_remedy(study)}"
        )
    changed = differences(known, settings)
    if changed:
        listed = "\n".join(f"  {line}" for line in changed[:_SHOWN])
        more = f"\n  and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise OtherStudyError(
            f"tuning.study: '{study.study_name}' was started with other settings (then -> now):\n"
            f"{listed}{more}\n{_remedy(study)}"
        )


def _require_directions(study: "Study", directions: list[str]) -> None:
    before = [direction.name.lower() for direction in study.directions]
    if before != directions:
        raise OtherStudyError(
            f"tuning.study: '{study.study_name}' was started with the directions "
            f"{', '.join(before)}, now they are {', '.join(directions)}; {_remedy(study)}"
        )


def _remedy(study: "Study") -> str:
    return f"set them back, or give another name, for example tuning.study={study.study_name}_2"


def make_sampler(config: SamplerConfig, trials_before: int) -> "BaseSampler":
    """The sampler for the next trial; the same draw for the same history, whoever draws.

    Args:
        config: which.
        trials_before: trials in the study so far.
    """
    import warnings

    from optuna import samplers

    seed = config.seed + 1_000_003 * trials_before  # each trial draws anew
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls some arguments experimental
        if config.type == "random":
            return samplers.RandomSampler(seed=seed % 2**32)
        if config.type == "qmc":  # counts its points in the study itself
            return samplers.QMCSampler(seed=config.seed, scramble=True)
        if config.type == "nsgaii":
            return samplers.NSGAIISampler(seed=seed % 2**32, population_size=config.population)
        return samplers.TPESampler(
            seed=seed % 2**32,
            n_startup_trials=config.startup_trials,
            multivariate=config.multivariate,
        )


def make_pruner(config: PrunerConfig | None) -> "BasePruner":
    """The pruner; its steps are numbers of scores, from 1 on."""
    from optuna import pruners

    if config is None:
        return pruners.NopPruner()
    if config.type == "successive_halving":
        return pruners.SuccessiveHalvingPruner(
            min_resource=config.first_score, reduction_factor=config.reduction
        )
    percentile = 50.0 if config.type == "median" else config.percentile
    return pruners.PercentilePruner(
        percentile, n_startup_trials=config.startup_trials, n_warmup_steps=config.first_score
    )
