"""Results of a finished run: the exported generator and the summary."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from torch import nn

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.files import display_path, replacing_file
from sagan.data.shards.store import ShardStore
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import images_per_step
from sagan.training.core.state import TrainingState
from sagan.training.monitor.scoring import Score, scores_in
from sagan.training.store.checkpoints import CheckpointError, CheckpointStore
from sagan.training.store.export import export_generator
from sagan.training.store.identity import git_commit
from sagan.training.store.journal import JOURNAL, Journal, Record
from sagan.training.store.runs import SUMMARY
from sagan.training.store.start import start_in

logger = logging.getLogger(__name__)

BUNDLE = "generator"
_OF_THE_EXPORT = ("export", "export_raw", "run_name")  # parameters


@dataclass(frozen=True)
class TrainingResult:
    """Generator, journal and summary of a finished run."""

    bundle: GeneratorBundle
    journal: list[Record]
    summary: dict[str, Any]

    @classmethod
    def read(cls, run: Path) -> Self:
        """Read a finished run's folder."""
        return cls(
            GeneratorBundle.open(run / BUNDLE),
            Journal(run / JOURNAL).read(),
            json.loads((run / SUMMARY).read_text(encoding="utf-8")),
        )

    @property
    def scores(self) -> list[Score]:
        """All scores during training, in order."""
        return scores_in(self.journal)


def write_summary(
    run: Path,
    state: TrainingState,
    config: TrainingConfig,
    *,
    journal: Sequence[Record],
    made_on: dict[str, Any],
) -> dict[str, Any]:
    """Write the summary of a run.

    Where an earlier command had finished the training, what it recorded stays, and only what the
    export uses is of this one.

    Args:
        run: its folder.
        state: at its end.
        config: its parameters now.
        journal: its records.
        made_on: precision, data and environment.

    Returns:
        The run's fingerprint.
    """
    now = config.resolved().model_dump(mode="json")
    before = _finished_before(run, state)
    named = {"run": run.name} | ({"run_name": config.run_name} if config.run_name else {})
    recorded = before.get("fingerprint", {"git_commit": git_commit(), **made_on})
    fingerprint = named | {k: v for k, v in recorded.items() if k not in {"run", "run_name"}}
    summary = {
        "images_seen": state.images_seen,
        "steps": state.images_seen // images_per_step(config),
        "train_seconds": round(state.train_seconds, 1),
        "images_per_second": round(state.images_seen / state.train_seconds, 1),
        "parameters_generator": _parameters(state.generator),
        "parameters_discriminator": _parameters(state.discriminator),
        "label_sampling": config.label_sampling,
        "warnings": sum(record.get("event") == "warning" for record in journal),
        "device": next(state.generator.parameters()).device.type,
        "parameters": before.get("parameters", now) | {name: now[name] for name in _OF_THE_EXPORT},
        "fingerprint": fingerprint,
        **start_in(journal),
    }
    with replacing_file(run / SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return fingerprint


def _finished_before(run: Path, state: TrainingState) -> dict[str, Any]:
    """The summary that an earlier command wrote at the end of the training; empty: none did."""
    try:
        found = json.loads((run / SUMMARY).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # ValueError: damaged, and written anew
        return {}
    return found if found["images_seen"] == state.images_seen else {}


def export_chosen(
    run: Path,
    state: TrainingState,
    config: TrainingConfig,
    shards: ShardStore,
    checkpoints: CheckpointStore,
    *,
    facts: dict[str, Any],
) -> None:
    """Export the last or the best scored generator, as configured; the best replaces `state`.

    Raises:
        CheckpointError: if the best is asked for and no sound checkpoint has a score.
    """
    if config.export == "best":
        best = checkpoints.load_best()
        if best is None:
            raise CheckpointError(
                f"training.export: best, and no checkpoint in {display_path(run)} has a score by "
                f"{config.scoring.name} under training.scoring.evaluation as it is now; set "
                "training.export=last, the metric and protocol that the run was scored by, or "
                "another training.seed for a run with scores"
            )
        state.load_state_dict(best)
        logger.info("the best scored generator has seen %s images", f"{best['images_seen']:,}")
    facts = facts | {"checkpoint": config.export}
    if config.standing_batches:
        both = config.export_raw and state.ema_generator is not None
        logger.info(
            "batch-norm statistics of the exported generator: %d batches of %d images%s",
            config.standing_batches,
            config.batch_size,
            ", for the raw, then for the averaged weights" if both else "",
        )
    export_generator(state, config, shards, run / BUNDLE, facts, raw=config.export_raw)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
