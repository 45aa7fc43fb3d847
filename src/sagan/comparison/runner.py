"""All runs of a comparison: those that are measured already are passed over."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from sagan.common.schema import ClearError
from sagan.common.terminal import log_above_bars
from sagan.comparison.config import ComparisonConfig
from sagan.comparison.result_store import Row, RowStore
from sagan.comparison.run_one import Conditions, attempt_entry
from sagan.comparison.variants import Entry, entries
from sagan.data.shards.store import ShardStore
from sagan.metrics.config import EvaluationConfig, SweepConfig
from sagan.processes.signals import raise_on_signal
from sagan.training.config import TrainingConfig

logger = logging.getLogger(__name__)

_BAR = "runs {n_fmt}/{total_fmt}|{bar}| {elapsed} passed, {remaining} left"


class ComparisonError(ClearError, RuntimeError):
    """Some runs could not be made; the others are kept."""


def run_comparison(
    *,
    config: ComparisonConfig,
    training: TrainingConfig,
    evaluation: EvaluationConfig,
    shards: ShardStore,
    workspace: Path,
    features: Path,
) -> list[Row]:
    """Train and evaluate every contestant with every seed.

    Args:
        config: contestants, seeds, budget, processes.
        training: what contestants are laid over.
        evaluation: the protocol of every run.
        shards: the images.
        workspace: folder of this comparison's runs and rows.
        features: folder of cached features of real images.

    Returns:
        The rows, in the order of seeds, then contestants.

    Raises:
        ValueError: where a contestant is not valid, or will not have the weights that are to be
            measured, before anything is trained.
        TrainingInterrupted: asked to stop, after saving; the same call goes on.
        ComparisonError: where runs failed, after all others were made.
    """
    planned = entries(config, training, shards, evaluation.weights)
    evaluation = evaluation.model_copy(update={"sweep": SweepConfig()})  # no number of the table
    store = RowStore(workspace / "rows", shards, evaluation)
    runs_dir = workspace / "runs"
    common = Conditions(shards, evaluation, runs_dir, features, store, config.keep_checkpoints)
    open_entries = [entry for entry in planned if store.load(entry) is None]
    done = len(planned) - len(open_entries)
    logger.info("%d runs, %d of them up to date", len(planned), done)
    again = sum(store.outdated(entry) is not None for entry in open_entries)
    if again:
        logger.info(
            "%d of them are trained, but measured by other code or another protocol: "
            "measured again without training",
            again,
        )
    if open_entries:  # once, before several processes would make them at once
        _take_references(open_entries[0], common)
    failures = []
    with (
        tqdm(
            total=len(planned), initial=done, dynamic_ncols=True, disable=None, bar_format=_BAR
        ) as bar,
        log_above_bars(),
    ):
        for entry, outcome in _outcomes(open_entries, common, config.workers, bar):
            bar.update()
            if isinstance(outcome, str):
                failures.append(f"{entry.name}: {outcome}")
                logger.error("%s: %s", entry.name, outcome)
            else:
                _say(entry, outcome, bar)
    if failures:
        raise ComparisonError(
            "\n  ".join(
                [
                    f"{len(failures)} of {len(planned)} runs failed, and the same command tries "
                    "these again:",
                    *failures,
                ]
            )
        )
    return [_required(store, entry) for entry in planned]


def _take_references(entry: Entry, common: Conditions) -> None:
    from sagan.common.devices import choose_device
    from sagan.metrics.features.references import reference_statistics

    protocols = [common.evaluation]
    protocols += [entry.training.scoring.evaluation] if entry.training.scoring.every_images else []
    for protocol in protocols:
        device = choose_device(protocol.device)
        reference_statistics(common.shards, protocol, common.feature_cache, device)


def _outcomes(
    open_entries: list[Entry], common: Conditions, workers: int, bar: "tqdm[Any]"
) -> Iterator[tuple[Entry, Row | str]]:
    """Each entry with its row, or why there is none."""
    if workers > 1:
        from sagan.comparison.processes import measure_in_processes

        yield from measure_in_processes(open_entries, common, workers, bar.refresh)
        return
    for entry in open_entries:
        with raise_on_signal():
            outcome = attempt_entry(entry, common)
        yield entry, outcome


def _say(entry: Entry, row: Row, bar: "tqdm[Any]") -> None:
    metrics = row["metrics"]
    shown = [f"{name} {value:.4g}" for name, value in list(metrics.items())[:1]]
    shown += [f"{name} {metrics[name]:.2f}" for name in ("recognised", "recall") if name in metrics]
    text = ", ".join(shown) or f"{row['status']}: {row['message']}"
    if bar.disable:
        logger.info("%s: %s", entry.name, text)
    else:
        bar.write(f"{entry.name}: {text}")


def _required(store: RowStore, entry: Entry) -> Row:
    row = store.load(entry)
    if row is None:
        raise ComparisonError(f"{entry.name}: its row {store.path(entry)} is missing; run again")
    return row
