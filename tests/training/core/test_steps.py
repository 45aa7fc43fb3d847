"""Updates of the discriminator and of the generator."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, Adam

from sagan.models.discriminator import Discriminator, build_discriminator
from sagan.models.generator import Generator, build_generator
from sagan.models.ops.spectral_norm import SpectralLayer
from sagan.network_config import ModelConfig
from sagan.training.config import TrainingConfig
from sagan.training.config.recipes import RECIPES
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.finite import NonFiniteError
from sagan.training.core.losses import LeCam, hinge_discriminator_loss, objective
from sagan.training.core.steps import (
    discriminator_step,
    generator_step,
)
from tests.training.updates import SIZES, draw, unchanged, weights


def test_the_discriminator_step_moves_only_the_discriminator(networks):
    generator, discriminator = networks
    before = weights(generator), weights(discriminator)
    images, labels, z, y = draw()
    with torch.no_grad():
        real, _ = discriminator(images, labels)
        fake, _ = discriminator(copy.deepcopy(generator)(z, y), y)

    record = discriminator_step(
        generator, discriminator, SGD(discriminator.parameters(), lr=0.1), images, labels, z, y
    )

    assert unchanged(generator, before[0])
    assert not unchanged(discriminator, before[1])
    assert all(p.grad is None for p in generator.parameters())
    torch.testing.assert_close(record.loss, hinge_discriminator_loss(real, fake))
    torch.testing.assert_close(record.real_logits, real.mean())
    torch.testing.assert_close(record.fake_logits, fake.mean())
    torch.testing.assert_close(record.real_signs, real.sign().mean())


def test_the_generator_step_moves_only_the_generator(networks):
    generator, discriminator = networks
    before = weights(generator), weights(discriminator)
    _, _, z, y = draw()

    optimizer = SGD(generator.parameters(), lr=0.1)
    record = generator_step(generator, discriminator, optimizer, z, y)

    assert not record.loss.requires_grad  # it would keep the whole pass
    assert not unchanged(generator, before[0])
    assert unchanged(discriminator, before[1])
    assert all(p.requires_grad and p.grad is None for p in discriminator.parameters())


def test_frozen_blocks_stay_frozen_after_a_step_of_the_generator(networks):
    generator, discriminator = networks
    discriminator.freeze(1)
    before = [p.requires_grad for p in discriminator.parameters()]
    _, _, z, y = draw()

    generator_step(generator, discriminator, SGD(generator.parameters(), lr=0.1), z, y)

    assert {*before} == {False, True}
    assert [p.requires_grad for p in discriminator.parameters()] == before


def test_the_vectors_of_frozen_blocks_stay_too(networks):
    generator, discriminator = networks
    discriminator.freeze(1)
    before = {name: value.clone() for name, value in discriminator.named_buffers()}

    discriminator_step(generator, discriminator, SGD(discriminator.parameters(), lr=0.1), *draw())

    after = dict(discriminator.named_buffers())
    same = {name for name in before if torch.equal(after[name], before[name])}
    same -= {"head.linear.u"}  # of one row: always 1 or -1
    assert same == {name for name in before if name.startswith("layers.8x8_")}


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


def test_several_passes_make_the_same_update_of_the_discriminator(networks):
    _, discriminator = networks
    batch = draw(8)
    gradients = []
    for passes in (1, 2, 4):
        twin, generator = copy.deepcopy(discriminator), networks[0].eval()
        discriminator_step(generator, twin, SGD(twin.parameters(), lr=0.0), *batch, passes=passes)
        gradients.append([p.grad for p in twin.parameters()])

    for other in gradients[1:]:
        for ours, theirs in zip(gradients[0], other, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_lecams_term_is_a_part_of_the_discriminators_loss(networks):
    lecam = LeCam(0.5, 0.9, 1)
    lecam.update(torch.tensor([1.0, -1.0]))
    batch, records = draw(), []
    for term in (None, lecam):
        generator, discriminator = copy.deepcopy(networks)
        optimizer = SGD(discriminator.parameters(), lr=0.1)
        records.append(discriminator_step(generator, discriminator, optimizer, *batch, lecam=term))

    images, labels, z, y = batch
    with torch.no_grad():
        real, _ = networks[1](images, labels)
        fake, _ = networks[1](copy.deepcopy(networks[0])(z, y), y)
    torch.testing.assert_close(records[1].loss, records[0].loss + lecam(real, fake))
    assert records[1].gradient_norm != records[0].gradient_norm


def test_several_passes_make_the_same_update_of_the_generator(networks):
    generator, discriminator = networks
    z, y = torch.randn(8, 8), torch.randint(3, (8,))
    gradients = []
    for passes in (1, 4):
        twin = copy.deepcopy(generator).eval()  # batch statistics are of each pass
        record = generator_step(
            twin, discriminator, SGD(twin.parameters(), lr=0.0), z, y, passes=passes
        )
        gradients.append([record.loss, *(p.grad for p in twin.parameters())])

    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_gradients_norm_is_told(networks):
    generator, discriminator = networks
    optimizer = SGD(discriminator.parameters(), lr=0.0)

    record = discriminator_step(generator, discriminator, optimizer, *draw())

    squares = sum(p.grad.square().sum() for p in discriminator.parameters())
    torch.testing.assert_close(record.gradient_norm, squares.sqrt())


def test_bfloat16_is_near_and_keeps_weights_and_losses_in_float32(networks):
    generator, discriminator = networks
    batch = draw(16)
    records = []
    for bf16 in (False, True):
        twins = copy.deepcopy(generator), copy.deepcopy(discriminator)
        optimizer = SGD(twins[1].parameters(), lr=0.1)
        records.append(discriminator_step(*twins, optimizer, *batch, bf16=bf16))
        assert {p.dtype for p in twins[1].parameters()} == {torch.float32}
        assert {p.grad.dtype for p in twins[1].parameters()} == {torch.float32}

    exact, rough = records
    assert rough.loss.dtype == torch.float32
    assert rough.loss.item() == pytest.approx(exact.loss.item(), rel=0.05)
    assert rough.loss.item() != exact.loss.item()  # it did compute in bfloat16


@pytest.mark.parametrize("form", ["released", "scaled", "paper", "residual"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains_in_both_precisions(recipe, form):
    config = TrainingConfig(recipe=recipe)
    gradients = {}
    for bf16 in (False, True):
        torch.manual_seed(0)
        generator, discriminator = small_networks(config.model, form)
        chosen = objective(config.loss, config.classifier_weight)
        images, labels, z, y = draw(16)
        for network, step, batch in (
            (discriminator, discriminator_step, (images, labels, z, y)),
            (generator, generator_step, (z, y)),
        ):
            optimizer = SGD(network.parameters(), lr=0.0)
            step(generator, discriminator, optimizer, *batch, objective=chosen, bf16=bf16)
            made = [p.grad.flatten() for p in network.parameters()]
            assert {g.dtype for g in made} == {torch.float32}
            gradients[step.__name__, bf16] = torch.cat(made)
    for step, error in (("discriminator_step", 0.1), ("generator_step", 0.25)):
        exact, rough = gradients[step, False], gradients[step, True]
        assert torch.isfinite(rough).all()
        assert torch.linalg.vector_norm(rough - exact) < error * torch.linalg.vector_norm(exact)
        assert not torch.equal(rough, exact)


def small_networks(config: ModelConfig, form: str) -> tuple[Generator, Discriminator]:
    """Networks of 16 px with the switches of a configuration and attention, if any, at 8 px."""
    small = {"attention_form": form, "base_channels": 8}
    if config.generator.attention_resolutions:
        small["attention_resolutions"] = (8,)
    shape = {"image_size": 16, "num_classes": 3}
    return (
        build_generator(config.generator.model_copy(update=small | {"latent_dim": 8}), **shape),
        build_discriminator(config.discriminator.model_copy(update=small), **shape),
    )


def test_an_auxiliary_classifier_learns_the_classes():
    torch.manual_seed(0)
    generator = Generator(latent_dim=8, **SIZES)
    discriminator = Discriminator(head="classifier", **SIZES)
    optimizer = Adam(discriminator.parameters(), lr=2e-3, betas=(0.0, 0.9))
    images, labels, z, y = draw(24)
    images = images * 0.1 + (labels[:, None, None, None] - 1) * 0.8  # a class is a brightness

    for _ in range(60):
        discriminator_step(generator, discriminator, optimizer, images, labels, z, y)

    _, class_logits = discriminator(images, labels)
    assert (class_logits.argmax(1) == labels).float().mean() > 0.9


def test_the_generator_hears_from_the_classifier():
    torch.manual_seed(0)
    generator = Generator(latent_dim=8, **SIZES)
    discriminator = Discriminator(head="classifier", **SIZES)
    z, y = torch.randn(4, 8), torch.tensor([0, 1, 2, 0])
    gradients, losses = [], []
    for weight in (0.0, 1.0):
        twin = copy.deepcopy(generator)
        optimizer, chosen = SGD(twin.parameters(), lr=0.0), objective("hinge", weight)
        record = generator_step(twin, discriminator, optimizer, z, y, objective=chosen)
        gradients.append(twin.linear.weight.grad)
        losses.append(record.loss)

    _, class_logits = discriminator(copy.deepcopy(generator)(z, y), y)
    expected = F.cross_entropy(class_logits, y)
    torch.testing.assert_close(losses[1] - losses[0], expected.detach(), rtol=1e-4, atol=1e-6)
    assert not torch.allclose(*gradients)


@pytest.mark.parametrize("updated", ["generator", "discriminator"])
def test_batch_norm_statistics_that_are_not_finite_are_told_though_the_loss_is(networks, updated):
    """In training a pass takes the statistics of its batch, and hides them."""
    generator, discriminator = networks
    generator.norm.running_var.fill_(torch.inf)
    network, step = {
        "generator": (generator, generator_step),
        "discriminator": (discriminator, discriminator_step),
    }[updated]
    batch = draw()[2:] if updated == "generator" else draw()

    with pytest.raises(NonFiniteError, match=f"{updated}'s.*: loss [-0-9.]+, .*statistics inf"):
        step(generator, discriminator, SGD(network.parameters(), lr=0.1), *batch)


def test_fakes_of_the_discriminators_update_hold_no_graph(networks, monkeypatch):
    generator, discriminator = networks
    seen, forward = [], generator.forward

    def watched(*arguments):
        seen.append(forward(*arguments))
        return seen[-1]

    monkeypatch.setattr(generator, "forward", watched)
    discriminator_step(generator, discriminator, SGD(discriminator.parameters(), lr=0.1), *draw())

    assert len(seen) == 1
    assert seen[0].grad_fn is None


def test_training_keeps_the_largest_singular_values_at_one(networks):
    def tops():  # judged by their mean: where a layer's two largest change places, u and v lag
        return torch.tensor(
            [
                torch.linalg.matrix_norm((layer.weight / layer.sigma()).flatten(1), ord=2).item()
                for network in networks
                for layer in network.modules()
                if isinstance(layer, SpectralLayer)
            ]
        )

    generator, discriminator = networks
    optimizers = [Adam(n.parameters(), lr=0.02, betas=(0.0, 0.9)) for n in networks]
    frozen = [
        (layer, layer.u.clone(), layer.v.clone())
        for network in networks
        for layer in network.modules()
        if isinstance(layer, SpectralLayer)
    ]
    for _ in range(30):
        images, labels, z, y = draw()
        discriminator_step(generator, discriminator, optimizers[1], images, labels, z, y)
        generator_step(generator, discriminator, optimizers[0], z, y)

    assert (tops() - 1).abs().mean() < 0.03  # 0.0003 to 0.012 over eight seeds
    for layer, u, v in frozen:  # kept bug: vectors that do not follow the weights
        layer.u.copy_(u)
        layer.v.copy_(v)
    assert (tops() - 1).abs().mean() > 0.06  # 0.08 to 0.28


def test_a_generator_step_leaves_the_discriminators_vectors(networks):
    generator, discriminator = networks
    before = {name: value.clone() for name, value in discriminator.named_buffers()}
    _, _, z, y = draw()

    generator_step(generator, discriminator, SGD(generator.parameters(), lr=0.1), z, y)

    assert before
    assert all(torch.equal(before[n], value) for n, value in discriminator.named_buffers())


@pytest.fixture
def process_group():
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


def test_a_distributed_update_makes_one_pass_and_writes_no_buffers(networks, process_group):
    """Buffers broadcast between two passes would be modified under the first one's graph."""
    generator, discriminator = networks
    discriminator.to(memory_format=torch.channels_last)
    shared = DistributedContext(torch.device("cpu"), rank=0, size=2).wrap_ddp(discriminator)
    passes = []
    discriminator.register_forward_hook(lambda *_: passes.append(None))

    discriminator_step(generator, shared, SGD(discriminator.parameters(), lr=0.1), *draw())

    assert isinstance(shared, DistributedDataParallel)
    assert not shared.broadcast_buffers
    assert not shared.will_sync_module_buffers()
    assert len(passes) == 1


@pytest.mark.parametrize("passes", [1, 2, 4])
def test_processes_average_their_gradients_once_an_update(networks, process_group, passes):
    """The sum over the passes, in the last one."""
    generator, discriminator = networks
    discriminator.to(memory_format=torch.channels_last)
    shared = DistributedContext(torch.device("cpu"), rank=0, size=2).wrap_ddp(discriminator)
    averaged = []

    def average(_, bucket):
        averaged.append(bucket.buffer().clone())
        future = torch.futures.Future()
        future.set_result(bucket.buffer())
        return future

    shared.register_comm_hook(None, average)
    optimizer = SGD(discriminator.parameters(), lr=0.0)
    discriminator_step(generator.eval(), shared, optimizer, *draw(8), passes=passes)

    (bucket,) = averaged
    gradients = torch.cat([p.grad.flatten() for p in discriminator.parameters()])
    torch.testing.assert_close(bucket.norm(), gradients.norm())
