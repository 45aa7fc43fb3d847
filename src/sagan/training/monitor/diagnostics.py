"""Measurements inside a network that leave it unchanged, bit for bit."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import log

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sagan.models.attention import SelfAttention2d
from sagan.models.discriminator import Discriminator
from sagan.models.generator import Generator
from sagan.models.ops.spectral_norm import SpectralLayer, power_iteration
from sagan.training.core.exported import SETTLING_ITERATIONS

_IMAGES_AT_ONCE = 8  # an attention map is large: [N, L, M]


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Batch norms use the statistics of the current batch and update nothing.

    Early in a run the running averages are still near their initial values. They are hidden in
    evaluation mode, so that synchronised batch norms do not wait for other processes either.
    """
    modes = [(module, module.training) for module in network.modules()]
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    hidden = [(norm, norm.running_mean, norm.running_var) for norm in norms]
    network.eval()
    for norm in norms:
        norm.running_mean = norm.running_var = None
    try:
        yield
    finally:
        for norm, mean, variance in hidden:
            norm.running_mean, norm.running_var = mean, variance
        for module, mode in modes:
            module.training = mode


@contextmanager
def refreshed_spectral_norm(network: nn.Module) -> Iterator[None]:
    """Temporarily update the spectral norm's u and v to the weights, as for the export."""
    layers = [module for module in network.modules() if isinstance(module, SpectralLayer)]
    before = [(layer, layer.u.clone(), layer.v.clone()) for layer in layers]
    power_iteration(network, SETTLING_ITERATIONS)
    try:
        yield
    finally:
        with torch.no_grad():
            for layer, u, v in before:
                layer.u.copy_(u)
                layer.v.copy_(v)


@contextmanager
def attention_entropies(network: Generator | Discriminator) -> Iterator[dict[str, Tensor]]:
    """Measure the attention entropies of each forward pass in the block.

    Yields:
        block name -> mean entropy of its attention map's rows, [], relative to uniform attention:
        1 is uniform, 0 attends to a single location.
    """
    entropies: dict[str, Tensor] = {}

    def measure(block: str, attention: SelfAttention2d, x: Tensor) -> None:
        parts = [
            row_entropy(attention.attention_map(x[first : first + _IMAGES_AT_ONCE]))
            for first in range(0, len(x), _IMAGES_AT_ONCE)
        ]
        entropies[block] = torch.cat(parts).mean()

    handles = [
        layer.register_forward_pre_hook(
            lambda module, inputs, block=block: measure(block, module, inputs[0])
        )
        for block, layer in network.layers.items()
        if isinstance(layer, SelfAttention2d)
    ]
    try:
        yield entropies
    finally:
        for handle in handles:
            handle.remove()


def row_entropy(attention: Tensor) -> Tensor:
    """Entropy of each image's attention, mean over its rows, relative to uniform attention.

    Args:
        attention: [N, L, M], rows sum to 1.

    Returns:
        [N], 0..1.
    """
    entropy: Tensor = torch.special.entr(attention.float()).sum(-1)  # [N, L]
    return entropy.mean(-1) / log(attention.shape[-1])
