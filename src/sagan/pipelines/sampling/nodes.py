"""Nodes of the sampling pipeline."""

from pathlib import Path

import numpy as np

from sagan.pipelines.types import GeneratorBundle
from sagan.sampling.config import SamplingConfig


def draw_samples(
    generator_bundle: GeneratorBundle, config: SamplingConfig, folder: Path
) -> dict[str, np.ndarray]:
    """Samples of evenly chosen classes, with labels and latents; as PNG files too, if asked for."""
    from sagan.sampling.files import write_pngs
    from sagan.sampling.series import draw_series

    samples = draw_series(generator_bundle, config)
    if config.pngs:
        names = generator_bundle.class_names
        write_pngs(folder, samples["images"], samples["class_labels"], names)
    return samples


def draw_grid(
    samples: dict[str, np.ndarray], generator_bundle: GeneratorBundle, config: SamplingConfig
) -> np.ndarray:
    """The samples, a row a class: uint8 [H, W, 3]."""
    from sagan.sampling.series import draw_series_grid

    return draw_series_grid(samples, generator_bundle, config)


def draw_attention(generator_bundle: GeneratorBundle, config: SamplingConfig) -> np.ndarray:
    """Attention maps of samples of a few classes, as in the paper's figure 1: uint8 [H, W, 3]."""
    import torch

    from sagan.common.devices import choose_device
    from sagan.sampling.attention_maps import attention_picture
    from sagan.sampling.grids import choose_classes
    from sagan.sampling.latents import sample_latents
    from sagan.sampling.picture import Picture

    device = choose_device(config.device)
    classes = choose_classes(generator_bundle.num_classes, config.attention.samples)
    latent_dim = generator_bundle.latent_dim
    drawn = attention_picture(
        generator_bundle.load(str(device)),
        sample_latents(len(classes), latent_dim, config.seed, config.truncation),
        torch.tensor(classes),
        generator_bundle.shown_names,
        query_points=config.attention.query_points,
        tile_px=config.attention.tile_px,
        device=device,
    )
    return Picture.of(drawn, generator_bundle.weights_sha256, config.truncation)
