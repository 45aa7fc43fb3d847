"""Exponential moving average of the generator's weights."""

import torch
from torch import nn


def warm_decay(decay: float, step: int) -> float:
    """The decay of step 1, 2, ...: smaller at first, so that the start is soon forgotten.

    min(decay, (1 + step) / (10 + step)), the ramp of TensorFlow's ExponentialMovingAverage.
    """
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def update_ema(ema: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the network: parameters averaged, buffers copied.

    Averaging the spectral norm's u and v as well would inflate the weights at evaluation.
    """
    torch._foreach_lerp_(list(ema.parameters()), list(network.parameters()), 1.0 - decay)
    for average, current in zip(ema.buffers(), network.buffers(), strict=True):
        average.copy_(current)
