"""What the benchmark compares is the same computation, and the command prints what it should."""

import json
import sys

import pytest
import torch
from torch.optim import SGD

from benchmarks import training_step
from benchmarks.baselines import Size, draw
from benchmarks.textbook import copy_weights, make_textbook, textbook_step
from sagan.models.ops import convolution
from sagan.models.ops.spectral_norm import SpectralLayer
from sagan.training.core.steps import discriminator_step, generator_step

SIZE = Size(image_size=16, base_channels=8, num_classes=3, batch_size=4)


@pytest.mark.parametrize("by_product", [False, True])
def test_both_steps_are_the_same_maths(monkeypatch, by_product):
    monkeypatch.setattr(convolution, "_LARGE_KERNEL", 0 if by_product else 1 << 60)
    torch.manual_seed(0)
    ours = [network.double() for network in SIZE.networks(spectral_norm=True)]
    theirs = [make_textbook(n.double()) for n in SIZE.networks(spectral_norm=False)]
    for our, their in zip(ours, theirs, strict=True):
        for gamma in (m.gamma for m in our.modules() if hasattr(m, "gamma")):
            gamma.data.fill_(0.5)  # so that attention takes part
        copy_weights(our, their)
        settle(our, their)
    images, labels, fakes = draw(SIZE)
    images, fakes = images.double(), [(z.double(), y) for z, y in fakes]

    # no step of the weights: only then do both see the same singular values afterwards
    optimizers = [SGD(network.parameters(), lr=0.0) for network in (*ours, *theirs)]
    discriminator_step(*ours, optimizers[1], images, labels, *fakes[0])
    d_gradients = [p.grad.clone() for p in ours[1].parameters()]
    generator_step(*ours, optimizers[0], *fakes[1])
    their_d = {}
    optimizers[3].register_step_pre_hook(
        lambda *_: their_d.update({n: p.grad.clone() for n, p in theirs[1].named_parameters()})
    )
    textbook_step(*theirs, (optimizers[2], optimizers[3]), (images, labels), fakes)

    names = [name for name, _ in ours[1].named_parameters()]
    for name, gradient in zip(names, d_gradients, strict=True):
        torch.testing.assert_close(their_d[_theirs(name, their_d)], gradient, rtol=1e-4, atol=1e-7)
    their_g = dict(theirs[0].named_parameters())
    for name, parameter in ours[0].named_parameters():
        torch.testing.assert_close(
            their_g[_theirs(name, their_g)].grad, parameter.grad, rtol=1e-4, atol=1e-7
        )


def settle(our, their):
    """Give u and v of all layers their limit, the leading singular vectors of the weight."""
    ours = {name: m for name, m in our.named_modules() if isinstance(m, SpectralLayer)}
    for name, layer in ours.items():
        left, _, right = torch.linalg.svd(layer.weight.detach().flatten(1), full_matrices=False)
        normalised = their.get_submodule(f"{name}.parametrizations.weight.0")
        for u, v in ((layer.u, layer.v), (normalised._u, normalised._v)):
            u.copy_(left[:, 0])
            v.copy_(right[0])


def _theirs(name, known):
    owner, _, leaf = name.rpartition(".")
    parametrized = f"{owner}.parametrizations.{leaf}.original"
    return parametrized if parametrized in known else name


def test_precisions_agree_to_their_rounding():
    """Gradients of both updates in float32 and under bfloat16 autocast, against float64."""

    def gradients(dtype, **options):
        torch.manual_seed(0)
        networks = [n.to(dtype) for n in SIZE.networks(spectral_norm=True)]
        optimizers = [SGD(network.parameters(), lr=0.0) for network in networks]
        images, labels, fakes = draw(SIZE)
        images, fakes = images.to(dtype), [(z.to(dtype), y) for z, y in fakes]
        discriminator_step(*networks, optimizers[1], images, labels, *fakes[0], **options)
        found = [p.grad.clone() for p in networks[1].parameters()]
        generator_step(*networks, optimizers[0], *fakes[1], **options)
        found += [p.grad for p in networks[0].parameters()]
        return torch.cat([gradient.flatten().double() for gradient in found])

    exact = gradients(torch.float64)

    def error(gradient):
        return ((gradient - exact).norm() / exact.norm()).item()

    assert error(gradients(torch.float32)) < 1e-5
    assert error(gradients(torch.float32, bf16=True)) < 0.1


def test_sizes_of_the_command():
    def sizes(*words):
        return training_step.chosen_sizes(training_step.arguments(list(words)))

    assert list(sizes()) == ["", "_128"]
    assert sizes("--size=128")[""].image_size == 128
    own = sizes("--image-size=32", "--batch-size=4")
    assert own == {"": Size(image_size=32, base_channels=32, num_classes=100, batch_size=4)}


def test_prints_a_table_and_one_json_line(capsys, monkeypatch):
    small = {"image-size": 16, "base-channels": 8, "num-classes": 3, "batch-size": 2, "rounds": 1}
    words = [f"--{name}={value}" for name, value in small.items()]
    monkeypatch.setattr(sys, "argv", ["training_step", *words])

    training_step.main()

    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("textbook") for line in lines)
    assert max(map(len, lines[:-1])) <= 80
    result = json.loads(lines[-1])
    assert result.pop("rounds") == 1
    assert set(result) >= {"ratio_fp32", "ratio_bf16", "images_per_second", "peak_rss_ratio"}
    assert all(value > 0 for value in result.values())
