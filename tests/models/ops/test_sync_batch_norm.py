"""Batch norm over all processes on GPUs; tests/training/test_distributed holds the CPU's maths."""

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from sagan.models.normalization import ConditionalBatchNorm2d
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
