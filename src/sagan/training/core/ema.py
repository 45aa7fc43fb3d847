"""Exponential moving average of the generator's weights."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from sagan.training.core.finite import FiniteCheck


def warm_decay(decay: float, step: int) -> float:
    """The decay of step 1, 2, ...: smaller at first, so that the start is soon forgotten.

    min(decay, (1 + step) / (10 + step)), the ramp of TensorFlow's ExponentialMovingAverage.
    """
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update_ema(
    ema: nn.Module, network: nn.Module, decay: float, check: FiniteCheck | None = None
) -> None:
    """Move the average towards the network: parameters averaged, buffers copied.

    Averaging the spectral norm's u and v as well would inflate the weights at evaluation.

    Args:
        ema: the average.
        network: what is averaged.
        decay: share of the average that stays, 0..1.
        check: a deferred one keeps the average after an update that was not finite.
    """
    averages, weights = (list[Tensor](side.parameters()) for side in (ema, network))
    check = check or FiniteCheck(averages[0].device, deferred=False)
    if check.deferred:  # in few kernels; lerp by a tensor would have one for each parameter
        changes = torch._foreach_sub(weights, averages)
        torch._foreach_mul_(changes, (1.0 - check.stopped) * (1.0 - decay))
        torch._foreach_add_(averages, changes)
    else:
        torch._foreach_lerp_(averages, weights, 1.0 - decay)
    own = list(ema.buffers())
    with check.unchanged_unless_finite(own) if check.deferred else nullcontext():
        for dtype in {buffer.dtype for buffer in own}:  # in one operation each
            targets, sources = (
                [buffer for buffer in buffers if buffer.dtype == dtype]
                for buffers in (own, network.buffers())
            )
            torch._foreach_copy_(targets, sources)
