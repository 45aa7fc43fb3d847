"""All runs of a comparison, but for those that are measured already."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sagan.common.schema import ClearError
from sagan.common.terminal import log_above_bars
from sagan.comparison.config import ComparisonConfig
from sagan.comparison.result_store import ResultStore, RunResult
from sagan.comparison.run_one import ComparisonContext, measure_run
from sagan.comparison.search import SearchRecord, choose_candidates, search_config
from sagan.comparison.variants import RunSpec, plan_runs
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig, SweepConfig
from sagan.metrics.features.references import cache_references
from sagan.metrics.named_protocols import QUICK
from sagan.processes.child import describe_failure
from sagan.processes.launchers import refuse_copies
from sagan.processes.signals import raise_on_signal
from sagan.training.config import TrainingConfig

logger = logging.getLogger(__name__)

_BAR = "runs {n_fmt}/{total_fmt}|{bar}| {elapsed} passed, {remaining} left"


class ComparisonError(ClearError, RuntimeError):
    """Some runs failed; the others are kept."""


def run_comparison(
    *,
    config: ComparisonConfig,
    training: TrainingConfig,
    evaluation: EvaluationConfig,
    shards: ShardStore,
    workspace: Path,
    features: Path,
) -> list[RunResult]:
    """Train and evaluate every variant with every seed.

    Args:
        config: variants, seeds, budget, processes.
        training: the parameters that variants override.
        evaluation: the protocol of every run.
        shards: the images.
        workspace: folder of this comparison's runs and results.
        features: folder of cached features of real images.

    Returns:
        The results, in the order of seeds, then variants; where there was a search, each with the
        candidates of its variant (`search`).

    Raises:
        ValueError: where a variant is not valid, or will not have the weights that are to be
            measured, before anything is trained; torchrun, srun or MPI started several processes.
        TrainingInterrupted: asked to stop, after saving; the same call continues.
        ComparisonError: where runs failed, after all others were made.
    """
    refuse_copies(training.nnodes)
    evaluation = evaluation.model_copy(update={"sweep": SweepConfig()})  # no number of the table
    if evaluation.protocol == QUICK:  # for a look at one run, not for differences between runs
        evaluation = evaluation.model_copy(update={"protocol": None})
    planned = plan_runs(config, training, shards, evaluation.weights)

    def context(protocol: EvaluationConfig, folder: str) -> ComparisonContext:
        store = ResultStore(workspace / folder, shards, protocol)
        runs = workspace / "runs"
        return ComparisonContext(shards, protocol, runs, features, store, config.keep_checkpoints)

    records: dict[str, SearchRecord] = {}
    if config.search.candidates:
        short = plan_runs(search_config(config), training, shards, evaluation.weights)
        logger.info(
            "search: %d variants with %d candidates, %d images each",
            len(config.variants),
            len(config.search.candidates),
            config.search.total_images,
        )
        protocol = training.scoring.evaluation.model_copy(update={"weights": evaluation.weights})
        found = _measure_all(short, context(protocol, "search"), config.workers)
        config, records = choose_candidates(config, found)
        planned = plan_runs(config, training, shards, evaluation.weights)
    rows = _measure_all(planned, context(evaluation, "rows"), config.workers)
    return [
        row | ({"search": records[row["variant"]]} if row["variant"] in records else {})
        for row in rows
    ]


def _measure_all(
    planned: list[RunSpec], context: ComparisonContext, workers: int
) -> list[RunResult]:
    """The result of each run, made where it is not there.

    Raises:
        TrainingInterrupted: asked to stop, after saving.
        ComparisonError: where runs failed, after all others were made.
    """
    store = context.results
    open_runs = [run for run in planned if store.load(run) is None]
    _log_plan(planned, open_runs, store)
    if open_runs:
        scoring = open_runs[0].training.scoring
        protocols = [context.evaluation, *([scoring.evaluation] if scoring.every_images else [])]
        cache_references(context.shards, protocols, context.feature_cache, in_child=workers > 1)
    failures = []
    with (
        tqdm(
            total=len(planned),
            initial=len(planned) - len(open_runs),
            dynamic_ncols=True,
            disable=None,
            bar_format=_BAR,
        ) as bar,
        log_above_bars(),
    ):
        for run, outcome in _outcomes(open_runs, context, workers, bar):
            bar.update()
            if isinstance(outcome, str):
                failures.append(f"{run.name}: {outcome}")
                logger.error("%s: %s", run.name, outcome)
            else:
                _show(run, outcome, bar)
    if failures:
        heading = f"{len(failures)} of {len(planned)} runs failed, and the same command tries"
        raise ComparisonError("\n  ".join([f"{heading} these again:", *failures]))
    return [_required(store, run) for run in planned]


def _log_plan(planned: list[RunSpec], open_runs: list[RunSpec], store: ResultStore) -> None:
    logger.info("%d runs, %d of them up to date", len(planned), len(planned) - len(open_runs))
    again = sum(store.outdated(run) is not None for run in open_runs)
    if again:
        logger.info(
            "%d of them are trained, but measured by other code or another protocol: "
            "measured again without training",
            again,
        )


def _outcomes(
    open_runs: list[RunSpec], context: ComparisonContext, workers: int, bar: "tqdm[Any]"
) -> Iterator[tuple[RunSpec, RunResult | str]]:
    """Each run with its result, or why there is none."""
    if workers > 1:
        from sagan.comparison.processes import measure_in_processes

        yield from measure_in_processes(open_runs, context, workers, bar.refresh)
        return
    for run in open_runs:
        outcome: RunResult | str
        try:
            with raise_on_signal():
                outcome = measure_run(run, context)
        except Exception as error:
            outcome = describe_failure(error, run.name)
        yield run, outcome


def _show(run: RunSpec, result: RunResult, bar: "tqdm[Any]") -> None:
    metrics = result["metrics"]
    shown = [f"{name} {value:.4g}" for name, value in list(metrics.items())[:1]]
    shown += [f"{name} {metrics[name]:.2f}" for name in ("recognised", "recall") if name in metrics]
    text = ", ".join(shown) or f"{result['status']}: {result['message']}"
    if bar.disable:
        logger.info("%s: %s", run.name, text)
    else:
        bar.write(f"{run.name}: {text}")


def _required(store: ResultStore, run: RunSpec) -> RunResult:
    result = store.load(run)
    if result is None:
        raise ComparisonError(f"{run.name}: its result {store.path(run)} is missing; run again")
    return result
