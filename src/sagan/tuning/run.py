"""A whole study: checked, opened or gone on with, worked on, and summed up."""

import logging
import time
from pathlib import Path

from sagan.common.files import display_path
from sagan.common.schema import ClearError
from sagan.data.shards.store import ShardStore
from sagan.processes.signals import StopRequest, TrainingInterrupted, stop_requests
from sagan.training.config import TrainingConfig
from sagan.tuning.config import TuningConfig
from sagan.tuning.progress import StudyProgress, shortened
from sagan.tuning.results import Outcome, outcome_of
from sagan.tuning.space import SearchSpace, trial_training
from sagan.tuning.storage.location import Place, open_storage, quiet, turn
from sagan.tuning.study import named_by_content, open_study, study_settings
from sagan.tuning.study_check import check_study
from sagan.tuning.workers.context import Job, Objective
from sagan.tuning.workers.pool import Crew
from sagan.tuning.workers.trial_queue import ERROR, Ledger, finished

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5  # between looks at workers and trials


class TuningFailed(ClearError, RuntimeError):  # noqa: N818 - says what happened
    """The study was stopped, or ended without any complete trial."""


def tune(
    config: TuningConfig,
    training: TrainingConfig,
    shards: ShardStore,
    workspace: Path,
    *,
    evaluation_workspace: Path | None = None,
    objective: Objective | None = None,
) -> Outcome:
    """Work on a study until it has its trials, going on where it was left.

    Args:
        config: the study.
        training: the station's parameters, which every trial starts from.
        shards: the images.
        workspace: holds the journal, and below the study's name the trials' checkpoints.
        evaluation_workspace: folder of cached features; None: `features` in the workspace.
        objective: what a trial is; the training if left out.

    Returns:
        What the study found.

    Raises:
        ValueError: parameters that do not go together, naming each.
        FileNotFoundError: scores are asked for in Inception's features, without its weights.
        OtherStudyError: the storage has another study of that name.
        StorageError: the storage cannot be used.
        TrainingInterrupted: asked to stop, after saving; status 75, the same command goes on.
        TuningFailed: too many failures in a row, or no trial came to its end.
    """
    job = prepare(
        config, training, shards, workspace, features=evaluation_workspace, objective=objective
    )
    config = job.config
    ledger = open_ledger(job, shards)
    ledger.recover()
    left = ledger.left()
    if left and objective is None:
        _look_at_real_images(job, shards)
    known = len(finished(ledger.trials()))
    _say_start(job, known, left)
    if left:
        with stop_requests(patient=True) as stop:
            _work(job, ledger, stop, known)
    if not ledger.best():
        raise TuningFailed(
            f"tuning: no trial of '{config.study}' was completed"
            f"{_reasons(ledger)}; see {display_path(job.folder / 'workers')}"
        )
    return outcome_of(job, ledger)


def prepare(
    config: TuningConfig,
    training: TrainingConfig,
    shards: ShardStore,
    workspace: Path,
    *,
    features: Path | None,
    objective: Objective | None,
) -> Job:
    """Check all that can be before anything runs.

    Raises:
        ValueError: parameters that do not go together, naming each.
        FileNotFoundError: scores are asked for in Inception's features, without its weights.
        StorageError: the storage's name means nothing.
    """
    if objective is None:
        from sagan.tuning.objective import train_trial

        objective = train_trial
    check_study(config, training, shards.image_size)
    of_trials = trial_training(config, training)
    if config.when_changed == "afresh":
        space = SearchSpace(config.search_space, of_trials)
        config = named_by_content(config, space, _data(shards))
    return Job(
        config=config,
        training=of_trials,
        place=Place.of(config.storage, workspace),
        shards=shards.path,
        workspace=workspace,
        features=features or workspace / "features",
        objective=objective,
    )


def _look_at_real_images(job: Job, shards: ShardStore) -> None:
    """Make what all trials are scored against once, before several workers would each make it."""
    from sagan.common.devices import choose_device
    from sagan.metrics.features.references import reference_statistics

    config = job.config.evaluation
    reference_statistics(
        shards, config, job.features, choose_device(config.device, threads=job.training.threads)
    )


def open_ledger(job: Job, shards: ShardStore) -> Ledger:
    """Open the storage, and find or make the study.

    Raises:
        OtherStudyError: the storage has another study of that name.
        StorageError: the storage cannot be used.
    """
    config, space = job.config, job.space
    points = space.starting_points(config.warm_starts)
    storage = open_storage(job.place, config.heartbeat_seconds)
    with turn(job.place, storage), quiet():
        study = open_study(config, storage, study_settings(config, space, _data(shards)), points)
    return Ledger(study, job.place, config, space)


def _data(shards: ShardStore) -> dict[str, str]:
    return {"data_hash": shards.data_hash, "key": shards.key}


def _say_start(job: Job, known: int, left: int) -> None:
    config = job.config
    doing = "starts" if not known else "continues" if left else "is complete"
    logger.info("study %s %s: %d of %d trials done", config.study, doing, known, config.trials)
    logger.info("storage: %s", job.place)


def _work(job: Job, ledger: Ledger, stop: StopRequest, known: int) -> None:
    config = job.config
    limit = config.timeout_seconds
    deadline = None if limit is None else time.time() + limit
    workers = min(config.workers, ledger.left())
    with (
        StudyProgress(ledger, config.objectives, config.trials) as progress,
        Crew(job, workers, deadline) as crew,
    ):
        while crew.working():
            progress.show()
            if stop:
                crew.stop()
                done = len(finished(ledger.trials()))
                logger.warning(
                    "%s: stopped, %d of %d trials done; the same command continues",
                    stop.signal_name,
                    done,
                    config.trials,
                )
                raise TrainingInterrupted
            _stop_failing(ledger, config, known)
            time.sleep(_LOOK_SECONDS)
        progress.show()
        _stop_failing(ledger, config, known)
        if ledger.left():
            logger.info(
                "time limit reached, %d trials left; the same command continues", ledger.left()
            )


def _stop_failing(ledger: Ledger, config: TuningConfig, known: int) -> None:
    """End the study where trial after trial fails.

    Raises:
        TuningFailed: with the last reason.
    """
    since = finished(ledger.trials())[known:]
    last = since[-config.failures_in_a_row :]
    if len(last) == config.failures_in_a_row and all(t.state.name == "FAIL" for t in last):
        raise TuningFailed(
            f"tuning: {len(last)} trials failed in a row{_reasons(ledger)}; correct the cause and "
            "run the same command: it continues with the trials left"
        )


def _reasons(ledger: Ledger) -> str:
    said: dict[str, int] = {}
    for trial in finished(ledger.trials()):
        if trial.state.name == "FAIL":
            said.setdefault(str(trial.user_attrs.get(ERROR, "its worker was killed")), trial.number)
    lines = [f"\n  trial {number}: {shortened(text)}" for text, number in said.items()]
    return ":" + "".join(lines[-3:]) if lines else ""
