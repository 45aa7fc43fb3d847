"""Exponential moving average of the generator's weights."""

import torch
from torch import nn


@torch.no_grad()
def update_ema(ema: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average towards the network: parameters averaged, buffers copied.

    Averaging the spectral norm's u and v as well would inflate the weights at evaluation.
    """
    torch._foreach_lerp_(list(ema.parameters()), list(network.parameters()), 1.0 - decay)
    for average, current in zip(ema.buffers(), network.buffers(), strict=True):
        average.copy_(current)
