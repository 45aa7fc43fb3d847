"""Batch norm whose statistics are taken over the batches of all processes.

torch's own SyncBatchNorm serves GPUs only; elsewhere the same maths is done by tensor operations.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over all processes; its gradient is summed over them too."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:  # noqa: ANN401, ARG004
        total = gradient.clone()
        dist.all_reduce(total)
        return total


class SynchronizedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` over the global batch; all processes must have batches of one size."""

    together: ClassVar[bool] = True
    """Whether the other processes are there to take part; see `sync_batch_norm_disabled`."""

    # what torch's own forward asks for. Not a subclass of it: DDP takes those on GPUs only
    process_group = None
    _check_non_zero_input_channels = nn.SyncBatchNorm._check_non_zero_input_channels

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, C, H, W]; in training mode every process must call it."""
        if not (self.training and self.together and dist.is_initialized()):
            return super().forward(x)
        if x.is_cuda:
            on_gpu: Any = nn.SyncBatchNorm.forward
            normalised: Tensor = on_gpu(self, x)
            return normalised
        wide = x.float()
        count = wide.numel() // wide.shape[1] * dist.get_world_size()
        mean = _total(wide.sum(dim=(0, 2, 3))) / count  # [C]
        centred = wide - mean[:, None, None]
        variance = _total(centred.square().sum(dim=(0, 2, 3))) / count  # [C]
        self._follow(mean.detach(), variance.detach() * (count / (count - 1)))
        normal = centred * torch.rsqrt(variance + self.eps)[:, None, None]
        if self.affine:
            normal = normal * self.weight[:, None, None] + self.bias[:, None, None]
        return normal.to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        weight = self.momentum
        if weight is None:  # a cumulative mean
            weight = 1.0 / float(self.num_batches_tracked or 1)
        self.running_mean.lerp_(mean, weight)
        self.running_var.lerp_(unbiased_variance, weight)


def _total(x: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(x)
    return total


def synchronize_batch_norm(network: nn.Module) -> None:
    """Let every batch norm of a network take its statistics over all processes, in place."""
    for layer in network.modules():
        if type(layer) is nn.BatchNorm2d:
            layer.__class__ = SynchronizedBatchNorm2d


@contextmanager
def sync_batch_norm_disabled() -> Iterator[None]:
    """While one process works alone its batch norms must not wait for the others."""
    SynchronizedBatchNorm2d.together = False
    try:
        yield
    finally:
        SynchronizedBatchNorm2d.together = True
