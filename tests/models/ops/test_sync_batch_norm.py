"""Batch norm over all processes; tests/training/test_distributed has whole runs of several."""

import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from sagan.models.normalization import ConditionalBatchNorm2d
from sagan.models.ops import sync_batch_norm
from sagan.models.ops.sync_batch_norm import sync_batch_norm_disabled, synchronize_batch_norm


def test_a_gpu_takes_torchs_own_unless_the_process_works_alone(monkeypatch):
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda *_: 2)
    calls = []
    kernel = "torch.nn.modules.batchnorm.sync_batch_norm.apply"
    monkeypatch.setattr(kernel, lambda x, *rest: calls.append(rest) or x)
    with FakeTensorMode(), torch.device("cuda"):
        layer = ConditionalBatchNorm2d(3, num_classes=2, momentum=0.1)
        synchronize_batch_norm(layer)
        x = torch.zeros(4, 3, 8, 8, dtype=torch.bfloat16)
        y = torch.zeros(4, dtype=torch.int64)
        assert layer(x, y).dtype == torch.bfloat16
        assert len(calls) == 1
        assert calls[0][4:6] == (1e-5, 0.1)
        with sync_batch_norm_disabled():
            layer(x, y)
        layer.eval()(x, y)
    assert len(calls) == 1
    assert isinstance(layer.normalize, nn.BatchNorm2d)  # as those that recompute statistics ask
    assert not isinstance(layer.normalize, nn.SyncBatchNorm)  # DDP refuses it on a CPU


@pytest.fixture
def two_alike(monkeypatch):
    """Two processes with the same batch each: what they sum is twice what this one has."""
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_world_size", lambda *_: 2)
    monkeypatch.setattr("torch.distributed.all_reduce", lambda tensor: tensor.mul_(2))


def both_layers(**options):
    """A layer over all processes, and torch's with the same weights."""
    torch.manual_seed(0)
    plain = nn.BatchNorm2d(3, **options)
    if plain.affine:
        nn.init.normal_(plain.weight)
        nn.init.normal_(plain.bias)
    shared = copy.deepcopy(plain)
    synchronize_batch_norm(shared)
    return shared, plain


@pytest.mark.parametrize(
    "options",
    [
        {"eps": 0.5},
        {"affine": False},
        {"momentum": None},
        {"momentum": 0.25},
        {"track_running_stats": False},
    ],
    ids=str,
)
def test_it_is_torchs_batch_norm_of_all_images(two_alike, options):
    """Values, gradients and statistics of the batch put together."""
    shared, plain = both_layers(**options)
    for _ in range(3):
        x = torch.randn(2, 3, 4, 5, requires_grad=True)
        whole = torch.cat([x, x]).detach().requires_grad_()
        weights = torch.randn_like(x)

        value, expected = shared(x), plain(whole)
        (gradient,) = torch.autograd.grad((value * weights).sum(), x)
        pulled = (expected * torch.cat([weights, weights])).sum()
        (of_whole,) = torch.autograd.grad(pulled, whole)

        close = {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(value, expected[:2], **close)
        torch.testing.assert_close(gradient, of_whole[:2], **close)
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(shared.state_dict()[name], value, **close)
    assert not any(buffer.requires_grad for buffer in shared.buffers())


def test_the_batch_and_its_gradient_are_left_as_they_are(two_alike):
    sums, gradient = torch.ones(3, requires_grad=True), torch.full((3,), 5.0)

    total = sync_batch_norm._total(sums)
    (back,) = torch.autograd.grad(total, sums, gradient)

    assert (total.tolist(), sums.tolist()) == ([2] * 3, [1] * 3)
    assert (back.tolist(), gradient.tolist()) == ([10] * 3, [5] * 3)


@pytest.mark.parametrize("alone", ["evaluates", "works alone", "has no group"])
def test_where_no_other_takes_part_it_is_torchs_own(two_alike, monkeypatch, alone):
    shared, plain = both_layers()
    x = torch.randn(2, 3, 4, 5)
    if alone == "evaluates":
        shared.eval(), plain.eval()
    if alone == "has no group":
        monkeypatch.setattr("torch.distributed.is_initialized", lambda: False)

    with sync_batch_norm_disabled() if alone == "works alone" else nullcontext():
        assert torch.equal(shared(x), plain(x))
