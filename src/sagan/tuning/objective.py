"""Objective of a study: the training of one trial, with its scores on the way.

Large libraries are imported with the module: a worker does so while signals are blocked.
"""

import gc
from collections.abc import Mapping

import torch

from sagan.data.shards.store import ShardStore
from sagan.training import train
from sagan.training.monitor.scoring import Score
from sagan.tuning.workers.context import TrialContext


def train_trial(context: TrialContext) -> Mapping[str, float]:
    """Train to the end of the trial's budget, or until its report ends it.

    Returns:
        The last score's numbers, with `train_seconds` and `parameters`.
    """
    gc.collect()  # what the trial before held, on the device too
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

    def on_score(score: Score) -> None:
        context.report(score.images_seen, score.value)

    result = train(
        context.training,
        ShardStore.open(context.shards),
        context.folder,
        feature_cache=context.feature_cache,
        on_score=on_score,
    )
    summary = result.summary
    return {
        **result.scores[-1].scores,
        "train_seconds": summary["train_seconds"],
        "parameters": summary["parameters_generator"] + summary["parameters_discriminator"],
    }
