"""The training loop: what it hands to the updates, and what follows them."""

import time
from functools import partial

import pytest
import torch
from torch import nn
from torch._dynamo.exc import Unsupported

from sagan.training.core import loop
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.loop import compiled_network, training_loop
from sagan.training.core.state import TrainingState

CPU = torch.device("cpu")


class TwoAlike(DistributedContext):
    """One of two processes, whose other one always has the same numbers as this one."""

    def total(self, values):
        return 2 * values

    def wrap_ddp(self, network):
        return network


def test_the_seconds_are_those_of_the_steps(tiny, shards):
    config = tiny(total_images=12)
    state = TrainingState(config, shards, CPU)
    state.train_seconds, started = 100.0, time.perf_counter()

    seconds = [r.seconds for r in training_loop(state, shards, config, DistributedContext(CPU))]

    assert min(seconds) > 0
    assert sum(seconds) <= time.perf_counter() - started
    assert state.train_seconds == pytest.approx(100 + sum(seconds))


@pytest.mark.parametrize(("precision", "bf16"), [("fp32", False), ("bf16", True)])
def test_both_updates_are_of_the_configured_precision(tiny, shards, monkeypatch, precision, bf16):
    config, asked = tiny(total_images=4, precision=precision), []
    for name in ("discriminator_step", "generator_step"):
        step = getattr(loop, name)

        def noted(*arguments, step=step, **options):
            asked.append(options["bf16"])
            return step(*arguments, **options)

        monkeypatch.setattr(loop, name, noted)
    state = TrainingState(config, shards, CPU)

    list(training_loop(state, shards, config, DistributedContext(CPU)))

    assert asked == [bf16, bf16]


def test_the_average_follows_every_step_with_its_decay(tiny, shards):
    """2/11, 3/12, 4/13 of it stay, then what is configured."""
    config = tiny(total_images=32, discriminator_steps=2, ema_decay=0.3)
    state = TrainingState(config, shards, CPU)
    weight = state.generator.linear.weight
    average, decays = weight.detach().clone(), [2 / 11, 3 / 12, 0.3, 0.3]

    for _ in training_loop(state, shards, config, DistributedContext(CPU)):
        average.lerp_(weight.detach(), 1 - decays.pop(0))
        torch.testing.assert_close(state.ema_generator.linear.weight.detach(), average)

    assert not decays


def test_the_controls_follow_the_images_of_all_processes(tiny, shards):
    """The averages are means of what the processes have, the signs their sum."""
    augmentation = {"method": "ada", "interval": 9, "lecam_weight": 0.1, "lecam_warmup_steps": 1}
    config = tiny(total_images=16, batch_size=8, devices=2, augmentation=augmentation)
    state = TrainingState(config, shards, CPU)

    record = next(training_loop(state, shards, config, TwoAlike(CPU, rank=1, size=2)))

    seen = record.discriminator
    assert state.lecam.averages.tolist() == [seen.real_logits.item(), seen.fake_logits.item()]
    assert state.augmentation.signs.tolist() == [8 * seen.real_signs.item(), 8]


def test_a_pass_that_cannot_be_compiled_as_a_whole_is_an_error():
    class Broken(nn.Module):
        def forward(self, x):
            torch._dynamo.graph_break()
            return x

    with pytest.raises(Unsupported):
        compiled_network(Broken(), "default")(torch.ones(3))


def test_every_size_of_a_batch_is_compiled_for_itself(monkeypatch):
    shapes = []

    def backend(graph, inputs):
        shapes.append([tuple(one.shape) for one in inputs])
        return graph

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    torch.compiler.reset()
    compiled = compiled_network(nn.ReLU(), "default")

    for size in (3, 5, 7):
        compiled(torch.ones(size))

    assert shapes == [[(3,)], [(5,)], [(7,)]]
