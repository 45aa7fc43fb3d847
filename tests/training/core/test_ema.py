import copy

import pytest
import torch

from sagan.models.generator import Generator
from sagan.models.ops.spectral_norm import power_iteration
from sagan.training.core.ema import update_ema, warm_decay


def test_parameters_are_averaged_and_buffers_copied():
    torch.manual_seed(0)
    network = Generator(image_size=16, num_classes=2, base_channels=8, attention_resolutions=(8,))
    ema = copy.deepcopy(network)
    before = copy.deepcopy(dict(ema.named_parameters()))
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter))
    power_iteration(network)
    network(torch.randn(4, 128), torch.tensor([0, 1, 0, 1]))  # moves running statistics

    update_ema(ema, network, 0.75)

    current = dict(network.named_parameters())
    for name, average in ema.named_parameters():
        torch.testing.assert_close(average, 0.75 * before[name] + 0.25 * current[name])
    for average, buffer in zip(ema.buffers(), network.buffers(), strict=True):
        assert torch.equal(average, buffer)


@pytest.mark.parametrize(("step", "ramp"), [(1, 2 / 11), (2, 3 / 12), (90, 91 / 100)])
def test_the_decay_rises_as_tensorflows_does(step, ramp):
    """ExponentialMovingAverage with num_updates: min(decay, (1 + step) / (10 + step))."""
    assert warm_decay(0.999, step) == ramp
    assert warm_decay(ramp / 2, step) == ramp / 2


def test_a_short_run_forgets_its_start():
    left = 1.0
    for step in range(1, 301):
        left *= warm_decay(0.999, step)

    assert left < 1e-6  # 0.74 of the fresh weights would be left without the ramp
    assert warm_decay(0.999, 100_000) == 0.999
