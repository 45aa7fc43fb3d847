import numpy as np
import pytest
import torch

from sagan.metrics.features.statistics import measure_statistics
from sagan.metrics.sweep import truncation_sweep


def flat_features(images):
    return images.flatten(1).double()[:, :3]


def draw(truncation, count=400, batch_size=37):
    """Grey levels around 128 that spread as far as the truncation."""
    source = torch.Generator().manual_seed(0)
    levels = 128 + 20 * truncation * torch.randn(count, 3, 2, 2, generator=source)
    images = levels.clamp(0, 255).to(torch.uint8)
    yield from zip(
        images.split(batch_size), torch.zeros(count).long().split(batch_size), strict=True
    )


@pytest.fixture
def real():
    source = torch.Generator().manual_seed(1)
    return 128 + 20 * torch.randn(400, 3, generator=source, dtype=torch.float64)


def sweep(real, truncations, **settings):
    reference = measure_statistics([real])
    return truncation_sweep(truncations, draw, flat_features, reference, real, **settings)


def test_a_smaller_truncation_trades_recall_for_precision(real):
    narrow, middle, right = sweep(real, (0.2, 0.6, 1.0))

    assert middle["precision"] > right["precision"] + 0.02
    assert narrow["recall"] < middle["recall"] < right["recall"]
    assert narrow["frechet_distance"] > middle["frechet_distance"] > right["frechet_distance"]
    assert [point["truncation"] for point in (narrow, middle, right)] == [0.2, 0.6, 1.0]


def test_the_distance_is_of_all_samples_the_neighbourhoods_of_some(real):
    (few,), (all_of_them,) = sweep(real, (1.0,), kept_samples=50), sweep(real, (1.0,))

    assert few["frechet_distance"] == all_of_them["frechet_distance"]
    assert (few["samples"], few["neighbourhood_samples"]) == (400, 50)
    assert all_of_them["neighbourhood_samples"] == 400
    assert np.isfinite(few["recall"])


def test_nothing_is_drawn_for_no_truncations(real):
    assert truncation_sweep((), lambda _: 1 / 0, flat_features, None, real) == []
