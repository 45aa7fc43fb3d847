"""The objective: the real training of one trial, with its scores on the way.

What is heavy to import is so here at once: a worker must not be asked to stop in the midst of it.
"""

import gc
from collections.abc import Mapping

import torch

from sagan.data.shards.store import ShardStore
from sagan.training import train
from sagan.training.monitor.scoring import Score
from sagan.tuning.workers.context import Attempt


def train_trial(attempt: Attempt) -> Mapping[str, float]:
    """Train to the end of the trial's budget, or until its report ends it.

    Returns:
        The last score's numbers, with `train_seconds` and `parameters`.
    """
    _free_memory()
    if torch.cuda.is_available():
        torch.cuda.set_device(attempt.worker % torch.cuda.device_count())

    def on_score(score: Score) -> None:
        attempt.report(score.images_seen, score.value)

    result = train(
        attempt.training,
        ShardStore.open(attempt.shards),
        attempt.folder,
        feature_cache=attempt.features,
        on_score=on_score,
    )
    summary = result.summary
    return {
        **result.scores[-1].scores,
        "train_seconds": summary["train_seconds"],
        "parameters": summary["parameters_generator"] + summary["parameters_discriminator"],
    }


def _free_memory() -> None:
    """Give back what the trial before held, on the device too."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
