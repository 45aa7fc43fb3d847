import pytest
import torch
from pydantic import ValidationError

from sagan.sampling.attention_maps import attention_picture
from sagan.sampling.config import SamplingConfig
from sagan.sampling.latents import sample_latents
from sagan.sampling.series import draw_series


def test_refuses_a_misspelt_key():
    with pytest.raises(ValidationError, match="did you mean 'truncation'"):
        SamplingConfig(truncaton=0.5)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_refuses_a_truncation_that_would_never_end(value):
    with pytest.raises(ValidationError):
        SamplingConfig(truncation=value)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"tile_px": 10**6}, "sampling.tile_px"), ({"samples_per_class": 10**9}, "samples_per_class")],
)
def test_more_than_memory_holds_is_refused_before_a_sample_is_drawn(
    bundle, monkeypatch, change, named
):
    monkeypatch.setattr("sagan.common.memory.available_bytes", lambda: 50_000_000)
    monkeypatch.setattr("sagan.sampling.series.generate", None)

    with pytest.raises(ValueError, match=rf"{named} [0-9,]+ needs .*up to [0-9,]+ fit"):
        draw_series(bundle, SamplingConfig(**change))


@pytest.mark.parametrize(
    ("samples", "tile_px", "named"),
    [(1, 10**6, "tile_px 1,000,000"), (10**4, 32, "attention samples: 10,000")],
)
def test_attention_maps_beyond_memory_are_refused(bundle, monkeypatch, samples, tile_px, named):
    monkeypatch.setattr("sagan.common.memory.available_bytes", lambda: 50_000_000)

    with pytest.raises(ValueError, match=rf"{named} needs .*up to [0-9,]+ fit"):
        attention_picture(
            bundle.load(),
            sample_latents(samples, bundle.latent_dim, 0),
            torch.zeros(samples, dtype=torch.int64),
            bundle.shown_names,
            query_points=2,
            tile_px=tile_px,
        )
