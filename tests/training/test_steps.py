import copy

import pytest
import torch
from torch.optim import SGD

from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.training.steps import NonFiniteError, discriminator_step, generator_step

SIZES = {"image_size": 16, "num_classes": 3, "base_channels": 8, "attention_resolutions": (8,)}


@pytest.fixture
def networks():
    torch.manual_seed(0)
    return Generator(latent_dim=8, **SIZES), Discriminator(**SIZES)


def draw(count=4):
    images = torch.rand(count, 3, 16, 16) * 2 - 1
    return images, torch.randint(3, (count,)), torch.randn(count, 8), torch.randint(3, (count,))


def weights(network):
    return copy.deepcopy(dict(network.named_parameters()))


def unchanged(network, before):
    return all(torch.equal(before[name], p) for name, p in network.named_parameters())


def test_the_discriminator_step_moves_only_the_discriminator(networks):
    generator, discriminator = networks
    before = weights(generator), weights(discriminator)

    record = discriminator_step(
        generator, discriminator, SGD(discriminator.parameters(), lr=0.1), *draw()
    )

    assert unchanged(generator, before[0])
    assert not unchanged(discriminator, before[1])
    assert all(p.grad is None for p in generator.parameters())
    assert record.loss.item() == pytest.approx(
        torch.relu(1 - record.real_logits).item() + torch.relu(1 + record.fake_logits).item(),
        abs=1.0,  # the mean of a hinge is not the hinge of the mean
    )


def test_the_generator_step_moves_only_the_generator(networks):
    generator, discriminator = networks
    before = weights(generator), weights(discriminator)
    _, _, z, y = draw()

    generator_step(generator, discriminator, SGD(generator.parameters(), lr=0.1), z, y)

    assert not unchanged(generator, before[0])
    assert unchanged(discriminator, before[1])
    assert all(p.requires_grad for p in discriminator.parameters())


def test_one_concatenated_pass_equals_two_passes(networks):
    generator, discriminator = networks
    images, labels, z, y = draw()
    twin_generator, twin = copy.deepcopy(generator), copy.deepcopy(discriminator)
    with torch.no_grad():
        fakes = twin_generator(z, y)
    loss = torch.relu(1 - twin(images, labels)[0]).mean()
    loss = loss + torch.relu(1 + twin(fakes, y)[0]).mean()
    loss.backward()

    discriminator_step(
        generator, discriminator, SGD(discriminator.parameters(), lr=0.0), images, labels, z, y
    )

    for ours, theirs in zip(discriminator.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)


@pytest.mark.parametrize("step", ["discriminator", "generator"])
def test_a_value_that_is_not_finite_stops_before_the_weights(networks, step):
    generator, discriminator = networks
    images, labels, z, y = draw()
    z[0, 0] = torch.inf
    network = discriminator if step == "discriminator" else generator
    before = weights(network)
    optimizer = SGD(network.parameters(), lr=0.1)

    def update():
        if step == "discriminator":
            discriminator_step(generator, discriminator, optimizer, images, labels, z, y)
        else:
            generator_step(generator, discriminator, optimizer, z, y)

    with pytest.raises(NonFiniteError, match=f"the {step}'s update is not finite"):
        update()
    assert unchanged(network, before)
