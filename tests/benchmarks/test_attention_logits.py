"""The bound of the logits under spectral norm holds, and the scaled form lifts it."""

import pytest
import torch

from benchmarks.attention_logits import attend
from sagan.models.attention import SCALE_AT_START


@pytest.mark.parametrize("channels", [16, 48])
def test_logits_stay_within_the_bound_unless_scaled(channels):
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1

    released = attend(images, channels, 16, "released")
    scaled = attend(images, channels, 16, "scaled")

    assert 0 < released["logits_std"] < released["bound"]
    assert released["entropy"] > 0.99
    assert scaled["logits_std"] == pytest.approx(SCALE_AT_START * released["logits_std"], rel=0.01)
    assert scaled["entropy"] < released["entropy"]
