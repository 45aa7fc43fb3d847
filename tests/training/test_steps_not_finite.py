"""An update that is not finite touches neither weights nor statistics."""

from math import isfinite

import pytest
import torch
from torch.optim import SGD

from sagan.training.core.finite import NonFiniteError
from sagan.training.core.steps import discriminator_step, generator_step
from tests.training.updates import draw, unchanged, weights


def update(step, networks, optimizer, drawn):
    """The update of one of the two networks."""
    generator, discriminator = networks
    images, labels, z, y = drawn
    if step == "discriminator":
        discriminator_step(generator, discriminator, optimizer, images, labels, z, y)
    else:
        generator_step(generator, discriminator, optimizer, z, y)


@pytest.mark.parametrize("step", ["discriminator", "generator"])
def test_a_value_that_is_not_finite_stops_before_the_weights(networks, step):
    generator, discriminator = networks
    drawn = draw()
    drawn[2][0, 0] = torch.inf
    network = discriminator if step == "discriminator" else generator
    before = weights(network)
    optimizer = SGD(network.parameters(), lr=0.1)

    with pytest.raises(NonFiniteError, match=f"the {step}'s update is not finite"):
        update(step, networks, optimizer, drawn)
    assert unchanged(network, before)


@pytest.mark.parametrize("step", ["discriminator", "generator"])
def test_an_update_that_is_not_finite_leaves_batch_norm_as_it_was(networks, step):
    generator, _ = networks
    drawn = draw()
    drawn[2][0, 0] = torch.inf
    before = {name: value.clone() for name, value in generator.named_buffers()}
    optimizer = SGD(networks[step == "discriminator"].parameters(), lr=0.1)

    with pytest.raises(NonFiniteError) as raised:
        update(step, networks, optimizer, drawn)

    assert raised.value.network == step
    assert {"loss", "gradient_norm"} <= raised.value.facts.keys()
    for name, value in generator.named_buffers():
        assert torch.equal(value, before[name]), name


def test_one_bad_batch_would_have_spoilt_the_statistics(networks):
    """What the test above guards against: a forward pass in training mode takes them along."""
    generator, _ = networks
    z = torch.randn(4, 8)
    z[0, 0] = torch.inf

    generator(z, torch.randint(3, (4,)))

    assert any(not value.isfinite().all() for value in generator.buffers())


@pytest.mark.parametrize("step", ["discriminator", "generator"])
def test_statistics_that_overflow_under_a_finite_loss_stop_the_update(networks, step):
    """A huge activation: its variance is infinite, what is made of it is 0, and all looks well."""
    generator, discriminator = networks
    drawn = draw()
    with torch.no_grad():
        generator.linear.bias.normal_(std=1e18)
    network = discriminator if step == "discriminator" else generator
    before = weights(network)
    statistics = {name: value.clone() for name, value in generator.named_buffers()}
    optimizer = SGD(network.parameters(), lr=0.1)

    with pytest.raises(NonFiniteError) as raised:
        update(step, networks, optimizer, drawn)

    assert not isfinite(raised.value.facts["batch_norm_statistics"])
    assert isfinite(raised.value.facts["loss"])
    assert unchanged(network, before)
    for name, value in generator.named_buffers():
        assert torch.equal(value, statistics[name]), name
