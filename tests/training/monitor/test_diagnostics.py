"""Looking into a network leaves it as it was."""

import pytest
import torch
from torch import nn

from sagan.training.monitor.diagnostics import batch_statistics, row_entropy


def test_batch_statistics_are_those_of_training_mode():
    norm = nn.BatchNorm2d(3, momentum=0.1)
    x = torch.randn(4, 3, 5, 5) * 3 + 1
    with batch_statistics(norm.eval()):
        found = norm(x)

    assert not norm.running_mean.any()
    assert torch.equal(found, norm.train()(x))


def test_batch_statistics_do_not_wait_for_other_processes(monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    norm, x = nn.SyncBatchNorm(3), torch.randn(4, 3, 5, 5)
    with pytest.raises((ValueError, RuntimeError)):
        norm.train()(x)  # would go and ask them

    with batch_statistics(norm):
        found = norm(x)

    assert found.mean(dim=(0, 2, 3)).abs().max() < 1e-6


def test_entropy_of_even_and_of_sharp_attention():
    even, sharp = torch.full((2, 5, 16), 1 / 16), torch.zeros(2, 5, 16)
    sharp[..., 3] = 1

    assert row_entropy(even) == pytest.approx(torch.ones(2))
    assert row_entropy(sharp) == pytest.approx(torch.zeros(2))
