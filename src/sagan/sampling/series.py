"""Samples of evenly chosen classes, and their grid."""

import numpy as np
import torch

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.common.devices import choose_device
from sagan.common.memory import require_memory
from sagan.sampling.config import SamplingConfig
from sagan.sampling.generate import generate, sample_bytes
from sagan.sampling.grids import choose_classes, class_grid, grid_bytes
from sagan.sampling.latents import column_latents, sample_latents
from sagan.sampling.picture import Picture


def draw_series(bundle: GeneratorBundle, config: SamplingConfig) -> dict[str, np.ndarray]:
    """Generate samples of evenly chosen classes.

    Returns:
        `images` uint8 [N, C, H, W], `class_labels` int64 [N]; `drawn_with`, the SHA-256 of the
        generator's weights, empty if the bundle does not record it; `truncation` of the latents
        [standard deviations], 0 for none.

    Raises:
        ValueError: if they, or their grid, do not fit into memory.
    """
    device = choose_device(config.device)
    classes = choose_classes(bundle.num_classes, config.classes)
    columns, size = config.samples_per_class, bundle.image_size
    require_memory(
        "sampling.tile_px",
        config.tile_px,
        lambda tile: grid_bytes(len(classes), 1, size, tile),
    )
    require_memory(
        "sampling.samples_per_class",
        columns,
        lambda count: (
            len(classes) * count * sample_bytes(bundle)
            + grid_bytes(len(classes), count, size, config.tile_px)
        ),
    )
    source = (bundle.latent_dim, config.seed, config.truncation)
    if config.same_latents:
        latents = column_latents(len(classes), columns, *source)
    else:
        latents = sample_latents(len(classes) * columns, *source)
    class_labels = torch.tensor(classes).repeat_interleave(columns)
    generator = bundle.load(str(device))
    batches = generate(generator, latents, class_labels, config.batch_size, device)
    return {
        "images": torch.cat(list(batches)).numpy(),
        "class_labels": class_labels.numpy(),
        "drawn_with": np.array(bundle.weights_sha256 or ""),
        "truncation": np.array(config.truncation or 0.0),
    }


def draw_series_grid(
    samples: dict[str, np.ndarray], bundle: GeneratorBundle, config: SamplingConfig
) -> Picture:
    """The samples as a grid with one row per class: uint8 [H, W, 3]."""
    grid = class_grid(
        samples["images"], samples["class_labels"], bundle.shown_names, config.tile_px
    )
    # samples of earlier versions record neither
    truncation = float(samples.get("truncation", 0.0)) or None
    return Picture.of(grid, str(samples.get("drawn_with", "")) or None, truncation)
