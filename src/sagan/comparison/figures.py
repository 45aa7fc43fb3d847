"""Figures of a comparison: learning curves with bands over seeds, and samples at equal latents."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sagan.comparison.result_store import RunResult
from sagan.html.charts import Chart, Curve

SAMPLES = 20  # columns of the sheet
NOTHING_TRAINED = "No run was trained to its end: there are no samples."


def learning_curves(rows: Sequence[RunResult], metric: str, unit: str = "") -> Chart:
    """A score over images seen: one line per variant, its band from lowest to highest seed.

    Args:
        rows: As `run_comparison` returns them; those without a curve are left out.
        metric: Name of the score.
        unit: What the chart's heading says of it.
    """
    curves = []
    for number, name in enumerate(dict.fromkeys(row["variant"] for row in rows)):
        images, values = _curves([row for row in rows if row["variant"] == name], metric)
        if len(images):
            mean, low, high = (
                statistic(values, axis=0).tolist()
                for statistic in (np.nanmean, np.nanmin, np.nanmax)
            )
            curves.append(Curve(name, images.tolist(), mean, low, high, colour=number))
    log = "y" if metric.startswith(("fd_", "fid")) else ""
    return Chart(metric, unit, curves, x_label="real images seen", log=log)


def sample_sheet(rows: Sequence[RunResult], runs: Path, seed: int = 0) -> np.ndarray | None:
    """Samples of each variant's first trained seed; in a column all have the same latents.

    Args:
        rows: As `run_comparison` returns them.
        runs: Folder that `bundle` of a row is relative to.
        seed: Of the latents.

    Returns:
        uint8 [height, width, 3]; None where no run was trained to its end.

    Raises:
        FileNotFoundError: If a generator is missing.
    """
    import torch

    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.sampling.generate import generate
    from sagan.sampling.grids import class_grid
    from sagan.sampling.latents import sample_latents

    firsts: dict[str, RunResult] = {}
    for row in rows:
        if row["status"] == "trained":
            firsts.setdefault(row["variant"], row)
    if not firsts:
        return None
    images = []
    for row in firsts.values():
        bundle = GeneratorBundle.open(runs / row["bundle"])
        labels = torch.arange(SAMPLES) % bundle.num_classes
        latents = sample_latents(SAMPLES, bundle.latent_dim, seed)
        images.append(torch.cat(list(generate(bundle.load(), latents, labels, SAMPLES))))
    numbers = np.repeat(np.arange(len(firsts)), SAMPLES)
    return class_grid(torch.cat(images).numpy(), numbers, list(firsts), tile_px=48)


def _curves(rows: Sequence[RunResult], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Images seen [P], and scores [seeds, P], NaN where a seed has none there."""
    points = [
        {p["images_seen"]: p["scores"][metric] for p in row["curve"] if metric in p["scores"]}
        for row in rows
    ]
    images = sorted({seen for curve in points for seen in curve})
    values = np.array([[curve.get(seen, np.nan) for seen in images] for curve in points if curve])
    return np.array(images), values
