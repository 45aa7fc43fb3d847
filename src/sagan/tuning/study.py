"""Creation of a study with its warm starts, or continuation of one with the same settings."""

import logging
import warnings
from typing import Any

import optuna
from optuna import Study, pruners, samplers
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage

from sagan.common.files import json_sha256, source_hash
from sagan.common.schema import ClearError, differences
from sagan.tuning.config import PrunerConfig, SamplerConfig, TuningConfig
from sagan.tuning.objectives import minimised
from sagan.tuning.space import SearchSpace

logger = logging.getLogger(__name__)

_SETTINGS = "sagan"  # the study's attribute with what may not change
_SHOWN = 12
# decides a trial's weights and scores, and which trial is next
_CODE = (
    "common/pixels.py",
    "models",
    "sampling",
    "metrics",
    "training",
    "tuning",
)


class OtherStudyError(ClearError, ValueError):
    """The storage has a study of that name with other settings."""


def study_settings(config: TuningConfig, space: SearchSpace, data: dict[str, Any]) -> Any:  # noqa: ANN401
    """The settings that must be equal for trials to be comparable, JSON-able.

    Args:
        config: the study.
        space: with the training of its trials.
        data: identity of the images.
    """
    training = space.training({})
    start = {}
    if training.start_from is not None:
        from sagan.training.store.trained_model import find_model

        start = {"start_from": find_model(training.start_from, None).sha256}
    return {
        "objectives": config.objectives,
        "search_space": space.record(),
        "training": training.dump(affecting="weights"),
        **start,
        "score_every_images": config.score_every_images,
        "evaluation": config.evaluation.dump(affecting="measurement"),
        "data": data,
    }


def named_by_content(
    config: TuningConfig, space: SearchSpace, data: dict[str, Any]
) -> TuningConfig:
    """The study under a name with a hash of all that decides its trials.

    Workers, storage and the number of trials are left out: more trials continue the study.

    Args:
        config: the study.
        space: with the training of its trials.
        data: identity of the images.
    """
    chosen_by = config.model_dump(mode="json", include={"sampler", "pruner", "warm_starts"})
    content = {
        **study_settings(config, space, data),
        **chosen_by,
        "code": source_hash(*_CODE),
    }
    digest = json_sha256(content)[:8]
    return config.model_copy(update={"study": f"{config.study}-{digest}"})


def open_study(
    config: TuningConfig, storage: BaseStorage, settings: dict[str, Any], points: dict[str, Any]
) -> Study:
    """Load the study, or create it with its warm starts first in the queue.

    The caller holds `sagan.tuning.storage.location.storage_lock`.

    Args:
        config: the study.
        storage: opened.
        settings: as `study_settings`.
        points: warm starts by name, complete, as Optuna takes them.

    Raises:
        OtherStudyError: it has other settings; lists the differences.
    """
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
    as_now = [direction.name.lower() for direction in study.directions] == directions
    if known is None and as_now and not study.get_trials(deepcopy=False):
        study.set_metric_names(config.objectives)
        study.set_user_attr(_SETTINGS, settings)
    else:
        _require_same(study, known, settings)
    queued = {trial.user_attrs.get("name") for trial in study.get_trials(deepcopy=False)}
    for name, point in points.items():
        if name not in queued:  # also after a process was killed while it created the study
            study.enqueue_trial(point, user_attrs={"name": name})
    return study


def _require_same(study: Study, known: dict[str, Any] | None, settings: dict[str, Any]) -> None:
    if known is None:
        raise OtherStudyError(
            f"tuning.study: the storage has a study '{study.study_name}' that this project did "
            f"not make; {_remedy(study)}"
        )
    changed = differences(known, settings)
    if changed:
        listed = "\n".join(f"  {line}" for line in changed[:_SHOWN])
        more = f"\n  and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise OtherStudyError(
            f"tuning.study: '{study.study_name}' was started with other settings (then -> now):\n"
            f"{listed}{more}\n{_remedy(study)}"
        )


def _remedy(study: Study) -> str:
    return f"set them back, or give another name, for example tuning.study={study.study_name}_2"


def make_sampler(config: SamplerConfig, trials_before: int) -> BaseSampler:
    """The sampler for the next trial: the same history gives the same draw in every process.

    Args:
        config: which.
        trials_before: trials in the study so far.
    """
    seed = config.seed + 1_000_003 * trials_before  # each trial draws anew
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls some arguments experimental
        if config.type == "random":
            return samplers.RandomSampler(seed=seed % 2**32)
        if config.type == "qmc":  # counts its points in the study itself
            return samplers.QMCSampler(seed=config.seed % 2**32, scramble=True)
        if config.type == "nsgaii":
            return samplers.NSGAIISampler(seed=seed % 2**32, population_size=config.population)
        return samplers.TPESampler(
            seed=seed % 2**32,
            n_startup_trials=config.startup_trials,
            multivariate=config.multivariate,
        )


def make_pruner(config: PrunerConfig | None) -> BasePruner:
    """The pruner; its steps are numbers of scores, from 1 on."""
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
