"""Objective of a study: the training of one trial, with its scores on the way.

Large libraries are imported with the module: a worker does so while signals are blocked.
"""

import gc
from collections.abc import Mapping

import torch
from PIL import Image

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.data.shards.store import ShardStore
from sagan.sampling.config import SamplingConfig
from sagan.sampling.series import draw_series, draw_series_grid
from sagan.training import train
from sagan.training.monitor.scoring import Score
from sagan.tuning.workers.context import TrialContext

_COLUMNS = 5  # of the sample grid


def train_trial(context: TrialContext) -> Mapping[str, float]:
    """Train to the end of the trial's budget, or until its report ends it.

    A trial that comes to its end leaves a grid of samples at `context.sample_grid`.

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
    _draw(result.bundle, context)
    summary = result.summary
    return {
        **result.scores[-1].scores,
        "train_seconds": summary["train_seconds"],
        "parameters": summary["parameters_generator"] + summary["parameters_discriminator"],
    }


def _draw(bundle: GeneratorBundle, context: TrialContext) -> None:
    config = SamplingConfig(samples_per_class=_COLUMNS, device=context.training.device)
    grid = draw_series_grid(draw_series(bundle, config), bundle, config)
    Image.fromarray(grid).save(context.sample_grid)
