"""Outcome of a run for trackers: what later pipelines make of a trained generator."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.files import display_path
from sagan.training.config import TrainingConfig
from sagan.training.monitor.trackers import KINDS, flat, reason
from sagan.training.store.runs import SUMMARY

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What the pipelines of one `kedro run` made of a trained generator."""

    bundle: GeneratorBundle
    parameters: Mapping[str, Any]
    """Of the pipelines that ran, besides training's; nested."""
    metrics: Mapping[str, Any] | None
    """Content of `metrics.json`, if evaluation ran."""
    pictures: Mapping[str, np.ndarray]
    """By name, uint8 [H, W, 3]."""
    trained: bool
    """Whether training ran; the bundle is sent then."""


def send_outcome(config: TrainingConfig, runs_dir: Path, outcome: Outcome) -> None:
    """Send what was made to the trackers, into the records that the training opened.

    Scores are named `evaluation/<score>`, at the last step of the training. A tracker that fails is
    left out with a warning.

    Args:
        config: of training, which names the trackers.
        runs_dir: folder of all runs.
        outcome: what was made.
    """
    run = outcome.bundle.facts.get("fingerprint", {})  # absent in bundles of earlier versions
    folder = runs_dir / str(run.get("run"))
    if not (folder / SUMMARY).is_file():
        kinds, place = ", ".join(config.trackers), display_path(folder)
        logger.warning("nothing is sent to %s: the folder of the run, %s, is gone", kinds, place)
        return
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    step = int(summary["steps"])
    # the training's own: those of a later command may differ, and name only the trackers
    trained_with = flat(summary.get("parameters", {}))  # absent in runs of earlier versions
    metrics, parameters = outcome.metrics, flat(outcome.parameters)
    scores = {f"evaluation/{name}": value for name, value in (metrics or {}).items()}
    for kind in config.trackers:
        try:
            name = run.get("run_name", folder.name)
            tracker = KINDS[kind](folder, name, trained_with)
            tracker.scalars(scores, step)
            for name, picture in outcome.pictures.items():
                page = torch.tensor(picture).permute(2, 0, 1)[None]
                tracker.images(name, page, step, columns=1)
            tracker.outcome(parameters, metrics, outcome.bundle.path if outcome.trained else None)
            tracker.close()
        except Exception as error:
            logger.warning("%s ends here: %s; the run continues", kind, reason(error))
