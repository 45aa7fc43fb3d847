import copy

import pytest
import torch

from sagan.models.generator import Generator
from sagan.models.ops.spectral_norm import SpectralLinear, power_iteration
from sagan.training.core.ema import update_ema, warm_decay
from sagan.training.core.finite import FiniteCheck


@pytest.fixture
def moved():
    """A generator, and its average from before it was trained."""
    torch.manual_seed(0)
    network = Generator(image_size=16, num_classes=2, base_channels=8, attention_resolutions=(8,))
    ema = copy.deepcopy(network)
    for parameter in network.parameters():
        parameter.data.add_(torch.randn_like(parameter))
    power_iteration(network)
    network(torch.randn(4, 128), torch.tensor([0, 1, 0, 1]))  # moves running statistics
    return ema, network


@pytest.mark.parametrize("deferred", [None, False, True])
def test_parameters_are_averaged_and_buffers_copied(moved, deferred):
    ema, network = moved
    before = copy.deepcopy(dict(ema.named_parameters()))
    check = None if deferred is None else FiniteCheck(torch.device("cpu"), deferred=deferred)

    update_ema(ema, network, 0.75, check)

    current = dict(network.named_parameters())
    for name, average in ema.named_parameters():
        torch.testing.assert_close(average, 0.75 * before[name] + 0.25 * current[name])
    for average, buffer in zip(ema.buffers(), network.buffers(), strict=True):
        assert torch.equal(average, buffer)


def test_buffers_of_a_single_dtype_are_copied():
    ema, network = SpectralLinear(4, 3), SpectralLinear(4, 3)

    update_ema(ema, network, 0.75)

    assert torch.equal(ema.u, network.u)
    assert torch.equal(ema.v, network.v)


def test_without_a_check_an_average_that_keeps_nothing_is_the_network_to_the_last_bit(moved):
    ema, network = moved
    for average in ema.parameters():
        average.data.mul_(torch.pi)

    update_ema(ema, network, 0.0)

    current = dict(network.named_parameters())
    assert all(torch.equal(current[name], average) for name, average in ema.named_parameters())


def test_after_an_update_that_was_not_finite_the_average_stays(moved):
    ema, network = moved
    before, check = copy.deepcopy(ema.state_dict()), FiniteCheck(torch.device("cpu"), deferred=True)
    check.stopped.fill_(1)

    update_ema(ema, network, 0.75, check)

    assert all(torch.equal(before[name], value) for name, value in ema.state_dict().items())


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
