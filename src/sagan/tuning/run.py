"""One run of a study: checks, storage, workers, results."""

import logging
import time
from pathlib import Path

from sagan.common.files import display_path
from sagan.common.schema import ClearError
from sagan.data.shards.store import ShardStore
from sagan.processes.signals import StopRequest, TrainingInterrupted, stop_requests
from sagan.training.config import TrainingConfig
from sagan.tuning.config import TuningConfig
from sagan.tuning.progress import StudyProgress, truncated
from sagan.tuning.results import StudyResult, summarise_study
from sagan.tuning.space import SearchSpace, trial_training
from sagan.tuning.storage.location import StorageLocation, open_storage, storage_lock
from sagan.tuning.study import named_by_content, open_study, study_settings
from sagan.tuning.study_check import check_study
from sagan.tuning.workers.context import Objective, StudySpec
from sagan.tuning.workers.pool import WorkerPool
from sagan.tuning.workers.trial_queue import TrialQueue, failure_reason, finished

logger = logging.getLogger(__name__)


class TuningFailedError(ClearError, RuntimeError):
    """The study was stopped, or ended without any complete trial."""


def tune(
    config: TuningConfig,
    training: TrainingConfig,
    shards: ShardStore,
    workspace: Path,
    *,
    evaluation_workspace: Path | None = None,
    objective: Objective | None = None,
) -> StudyResult:
    """Work on a study until it has its trials; continue it if it was interrupted.

    Args:
        config: the study.
        training: the pipeline's parameters, which every trial starts from.
        shards: the images.
        workspace: holds the journal, and below the study's name the trials' checkpoints.
        evaluation_workspace: folder of cached features; None: `features` in the workspace.
        objective: of a trial; None: the training.

    Returns:
        What the study found.

    Raises:
        ValueError: parameters that do not go together, naming each.
        FileNotFoundError: scores are asked for in Inception's features, without its weights.
        OtherStudyError: the storage has another study of that name.
        StorageError: the storage cannot be used.
        TrainingInterrupted: asked to stop, after saving; status 75, the same command continues.
        TuningFailedError: too many failures in a row, or no trial came to its end.
    """
    spec = prepare(
        config, training, shards, workspace, feature_cache=evaluation_workspace, objective=objective
    )
    config = spec.config
    queue = open_queue(spec, shards)
    queue.recover()
    left = queue.left()
    if left and objective is None:
        from sagan.metrics.class_labels import expected_warnings
        from sagan.metrics.features.references import cache_references

        for warning in expected_warnings(config.evaluation, shards):
            logger.warning("tuning: %s", warning)  # trials write theirs to their workers' logs

        threads = spec.training.threads
        cache_references(
            shards, [config.evaluation], spec.feature_cache, threads=threads, in_child=True
        )
    known = len(finished(queue.trials()))
    _log_start(spec, known, left)
    if not left and (waiting := queue.waiting()):
        more = config.trials + waiting
        logger.warning("points in the queue: %d; tuning.trials=%d tries them too", waiting, more)
    if left:
        with stop_requests(patient=True) as stop:
            _work(spec, queue, stop, known)
    if not queue.best():
        raise TuningFailedError(
            f"tuning: no trial of '{config.study}' was completed"
            f"{_failure_reasons(queue)}; see {display_path(spec.logs)}"
        )
    return summarise_study(spec, queue)


def prepare(
    config: TuningConfig,
    training: TrainingConfig,
    shards: ShardStore,
    workspace: Path,
    *,
    feature_cache: Path | None,
    objective: Objective | None,
) -> StudySpec:
    """Check the parameters before anything runs.

    Raises:
        ValueError: parameters that do not go together, naming each.
        FileNotFoundError: scores are asked for in Inception's features, without its weights.
        StorageError: the storage's address is not valid.
    """
    if objective is None:
        from sagan.tuning.objective import train_trial

        objective = train_trial
    check_study(
        config,
        training,
        shards.image_size,
        image_channels=shards.image_channels,
        num_classes=shards.num_classes,
    )
    of_trials = trial_training(config, training.for_image_size(shards.image_size))
    if config.when_changed == "afresh":
        space = SearchSpace(config.search_space, of_trials)
        config = named_by_content(config, space, _data(shards))
    return StudySpec(
        config=config,
        training=of_trials,
        location=StorageLocation.of(config.storage, workspace),
        shards=shards.path,
        workspace=workspace,
        feature_cache=feature_cache or workspace / "features",
        objective=objective,
    )


def open_queue(spec: StudySpec, shards: ShardStore) -> TrialQueue:
    """Open the storage, and find or make the study.

    Raises:
        OtherStudyError: the storage has another study of that name.
        StorageError: the storage cannot be used.
    """
    config, space = spec.config, spec.space
    points = space.starting_points(config.warm_starts)
    storage = open_storage(spec.location, config.heartbeat_seconds)
    with storage_lock(spec.location, storage):
        study = open_study(config, storage, study_settings(config, space, _data(shards)), points)
    return TrialQueue(study, spec.location, config, space)


def _data(shards: ShardStore) -> dict[str, str]:
    return {"data_hash": shards.data_hash, "key": shards.key}


def _log_start(spec: StudySpec, known: int, left: int) -> None:
    config = spec.config
    doing = "starts" if not known else "continues" if left else "is complete"
    logger.info("study %s %s: %d of %d trials done", config.study, doing, known, config.trials)
    logger.info("storage: %s", spec.location)


def _work(spec: StudySpec, queue: TrialQueue, stop: StopRequest, known: int) -> None:
    config = spec.config
    limit = config.timeout_seconds
    deadline = None if limit is None else time.time() + limit
    workers = min(config.workers, queue.left())
    with (
        StudyProgress(queue, config.objectives, config.trials) as progress,
        WorkerPool(spec, workers, deadline) as pool,
    ):
        while pool.working():
            progress.show()
            if stop:
                pool.stop()
                done = len(finished(queue.trials()))
                logger.warning(
                    "%s: stopped, %d of %d trials done; the same command continues",
                    stop.signal_name,
                    done,
                    config.trials,
                )
                raise TrainingInterrupted
            _stop_after_failures(queue, config, known)
        progress.show()
        _stop_after_failures(queue, config, known)
        if queue.left():
            logger.info(
                "time limit reached, %d trials left; the same command continues", queue.left()
            )


def _stop_after_failures(queue: TrialQueue, config: TuningConfig, known: int) -> None:
    """End the study if trial after trial fails.

    Raises:
        TuningFailedError: with the last reason.
    """
    since = finished(queue.trials())[known:]
    last = since[-config.failures_in_a_row :]
    if len(last) == config.failures_in_a_row and all(t.state.name == "FAIL" for t in last):
        raise TuningFailedError(
            f"tuning: {len(last)} trials failed in a row{_failure_reasons(queue)}; correct the "
            "cause and run the same command: it continues with the trials left"
        )


def _failure_reasons(queue: TrialQueue) -> str:
    first: dict[str, int] = {}
    for trial in finished(queue.trials()):
        if trial.state.name == "FAIL":
            first.setdefault(failure_reason(trial), trial.number)
    lines = [f"\n  trial {number}: {truncated(text)}" for text, number in first.items()]
    return ":" + "".join(lines[-3:]) if lines else ""
