"""Learning curves with bands over seeds, and samples of all contestants at equal latents."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sagan.comparison.result_store import Row

INK = "#7a7a74"  # legible on a light and on a dark page
SAMPLES = 20  # columns of the sheet
NOTHING_TRAINED = "No run was trained to its end: there are no samples."


def learning_curves(rows: Sequence[Row], metric: str) -> str:
    """A score over images seen: a line a contestant, its band from lowest to highest seed.

    Args:
        rows: as `run_comparison` gives them; those without a curve are left out.
        metric: name of the score.

    Returns:
        An SVG element without a background, for a page of either colour.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    names = list(dict.fromkeys(row["contestant"] for row in rows))
    with rc_context({"svg.fonttype": "none", "font.family": "sans-serif", "svg.hashsalt": "sagan"}):
        figure = Figure(figsize=(9, 4.6), layout="constrained")
        axes = figure.add_subplot()
        for colour, name in enumerate(names):
            images, values = _curves([r for r in rows if r["contestant"] == name], metric)
            if len(images):
                look = {"color": f"C{colour}", "marker": "o", "markersize": 3, "label": name}
                line = axes.plot(images, np.nanmean(values, axis=0), **look)
                axes.fill_between(
                    images,
                    np.nanmin(values, axis=0),
                    np.nanmax(values, axis=0),
                    color=line[0].get_color(),
                    alpha=0.15,
                    linewidth=0,
                )
        axes.set(xlabel="real images seen", ylabel=metric)
        if metric.startswith(("fd_", "fid")):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.tick_params(which="both", colors=INK)
        axes.xaxis.label.set_color(INK)
        axes.yaxis.label.set_color(INK)
        for spine in axes.spines.values():
            spine.set_color(INK)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
        if names:
            axes.legend(frameon=False, labelcolor=INK, fontsize=9, ncols=2)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def sample_sheet(rows: Sequence[Row], runs: Path, seed: int = 0) -> np.ndarray | None:
    """Samples of each contestant's first trained seed, column by column from the same latents.

    Args:
        rows: as `run_comparison` gives them.
        runs: the folder that `bundle` of a row is relative to.
        seed: of the latents.

    Returns:
        uint8 [height, width, 3]; None where no run was trained to its end.

    Raises:
        FileNotFoundError: if a generator is gone.
    """
    import torch

    from sagan.bundle.generator_bundle import GeneratorBundle
    from sagan.metrics.evaluate_generator import evaluation_labels
    from sagan.sampling.generate import generate
    from sagan.sampling.grids import class_grid
    from sagan.sampling.latents import sample_latents

    firsts: dict[str, Row] = {}
    for row in rows:
        if row["status"] == "trained":
            firsts.setdefault(row["contestant"], row)
    if not firsts:
        return None
    images = []
    for row in firsts.values():
        bundle = GeneratorBundle.open(runs / row["bundle"])
        labels = evaluation_labels(SAMPLES, bundle.num_classes)
        latents = sample_latents(SAMPLES, bundle.latent_dim, seed)
        images.append(torch.cat(list(generate(bundle.load(), latents, labels, SAMPLES))))
    numbers = np.repeat(np.arange(len(firsts)), SAMPLES)
    return class_grid(torch.cat(images).numpy(), numbers, list(firsts), tile_px=48)


def _curves(rows: Sequence[Row], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Images seen [P], and scores [seeds, P], NaN where a seed has none there."""
    points = [
        {p["images_seen"]: p["scores"][metric] for p in row["curve"] if metric in p["scores"]}
        for row in rows
    ]
    images = sorted({seen for curve in points for seen in curve})
    values = np.array([[curve.get(seen, np.nan) for seen in images] for curve in points if curve])
    return np.array(images), values
