"""The sampling pipeline's series of samples, and its grid."""

import numpy as np
import pytest
import torch

from sagan.sampling.config import SamplingConfig
from sagan.sampling.generate import generate, sample_bytes
from sagan.sampling.grids import class_grid, grid_bytes
from sagan.sampling.latents import column_latents, sample_latents
from sagan.sampling.series import draw_series, draw_series_grid


@pytest.mark.parametrize("same", [False, True])
def test_they_are_those_of_the_seed_a_row_for_each_chosen_class(bundle, same):
    options = {"seed": 3, "truncation": 0.7}
    config = SamplingConfig(
        device="cpu", classes=2, samples_per_class=3, same_latents=same, tile_px=32, **options
    )
    labels = torch.tensor([0, 0, 0, 2, 2, 2])
    if same:
        latents = column_latents(2, 3, bundle.latent_dim, 3, 0.7)
    else:
        latents = sample_latents(6, bundle.latent_dim, 3, 0.7)
    images = torch.cat([*generate(bundle.load(), latents, labels, 64)]).numpy()

    found = draw_series(bundle, config)

    assert np.array_equal(found["images"], images)
    assert np.array_equal(found["class_labels"], labels)
    assert (found["drawn_with"], found["truncation"]) == (bundle.weights_sha256, 0.7)
    grid = draw_series_grid(found, bundle, config)
    assert np.array_equal(grid, class_grid(images, labels.numpy(), bundle.shown_names, 32))
    assert (grid.drawn_with, grid.truncation) == (bundle.weights_sha256, 0.7)


def test_without_truncation_samples_and_grid_say_none(bundle):
    config = SamplingConfig(device="cpu", samples_per_class=1)

    found = draw_series(bundle, config)

    assert found["truncation"] == 0
    assert draw_series_grid(found, bundle, config).truncation is None
    of_earlier_versions = {name: found[name] for name in ("images", "class_labels")}
    grid = draw_series_grid(of_earlier_versions, bundle, config)
    assert (grid.drawn_with, grid.truncation) == (None, None)


def test_as_many_as_memory_holds_are_drawn(bundle, monkeypatch):
    """All samples together with their grid of three rows; in a margin of a tenth."""
    of_all = 3 * 4 * sample_bytes(bundle) + grid_bytes(3, 4, 16, 16)
    monkeypatch.setattr("sagan.common.memory.available_bytes", lambda: of_all / 0.9)
    config = SamplingConfig(device="cpu", samples_per_class=4, tile_px=16)

    assert len(draw_series(bundle, config)["images"]) == 12
    with pytest.raises(ValueError, match=r"samples_per_class 5 needs .*up to 4 fit"):
        draw_series(bundle, config.model_copy(update={"samples_per_class": 5}))


def test_a_grid_of_one_sample_a_class_must_fit_into_memory(bundle, monkeypatch):
    monkeypatch.setattr(
        "sagan.common.memory.available_bytes", lambda: grid_bytes(3, 1, 16, 640) / 0.9
    )
    config = SamplingConfig(device="cpu", samples_per_class=1, tile_px=656)

    with pytest.raises(ValueError, match=r"tile_px 656 needs .*up to 64\d fit"):
        draw_series(bundle, config)
