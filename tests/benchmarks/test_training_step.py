"""What the benchmark compares is the same computation, and the command prints what it should."""

import json
import sys

import torch
from torch.optim import SGD

from benchmarks import training_step
from benchmarks.textbook import copy_weights, make_textbook, textbook_step
from sagan.models.spectral_norm import power_iteration
from sagan.training.steps import discriminator_step, generator_step

SIZE = training_step.Size(image_size=16, base_channels=8, num_classes=3, batch_size=4)


def test_both_steps_are_the_same_maths():
    torch.manual_seed(0)
    ours = [network.double() for network in SIZE.networks(spectral_norm=True)]
    theirs = [make_textbook(n.double()) for n in SIZE.networks(spectral_norm=False)]
    for our, their in zip(ours, theirs, strict=True):
        for gamma in (m.gamma for m in our.modules() if hasattr(m, "gamma")):
            gamma.data.fill_(0.5)  # so that attention takes part
        copy_weights(our, their)
        power_iteration(our, 3000)
    images, labels, fakes = training_step.draw(SIZE)
    images, fakes = images.double(), [(z.double(), y) for z, y in fakes]
    with torch.no_grad():
        for _ in range(1500):  # settle the textbook's u and v, which move with each forward pass
            for layer in (m for n in theirs for m in n.modules() if hasattr(m, "parametrizations")):
                _ = layer.weight

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


def _theirs(name, known):
    owner, _, leaf = name.rpartition(".")
    parametrized = f"{owner}.parametrizations.{leaf}.original"
    return parametrized if parametrized in known else name


def test_prints_a_table_and_one_json_line(capsys, monkeypatch):
    small = {"image-size": 16, "base-channels": 8, "num-classes": 3, "batch-size": 2, "rounds": 1}
    words = [f"--{name}={value}" for name, value in small.items()]
    monkeypatch.setattr(sys, "argv", ["training_step", *words])

    training_step.main()

    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("textbook") for line in lines)
    assert json.loads(lines[-1])["ratio_fp32"] > 0
