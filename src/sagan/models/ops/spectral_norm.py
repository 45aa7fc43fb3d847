"""Spectral normalisation (Miyato et al., 2018), used in both networks (paper, section 3).

A layer divides its weight by an estimate of its largest singular value, sigma = u^T W v. The
vectors u and v move in `power_iteration` only, which the training step calls once after each
change of the weights. So a forward pass never changes a network's state, in no mode, and several
passes over the same weights see the same normalised weight.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sagan.models.ops.convolution import compute_dtype, convolve
from sagan.models.ops.kernels import Form, kernel_of, taps_of

_WARM_UP_ITERATIONS = 15  # a fresh random u is far from the singular vector


class SpectralLayer(nn.Module):
    """Mixin: a layer with a `weight` of output-first shape and the vectors u, v beside it."""

    weight: Tensor
    u: Tensor  # [out]
    v: Tensor  # [in * kernel area]

    def _add_vectors(self) -> None:
        for name, length in zip("uv", self.weight.flatten(1).shape, strict=True):
            vector = torch.randn(length)
            # without memory ("meta") torch would import its compiler for it, seconds of work
            self.register_buffer(name, vector if vector.is_meta else F.normalize(vector, dim=0))

    def sigma(self) -> Tensor:
        """Estimate of the weight's largest singular value, differentiable in the weight; []."""
        # on a GPU autocast would round the product to bfloat16
        with torch.autocast(self.weight.device.type, enabled=False):
            sigma: Tensor = torch.dot(self.u, torch.mv(self.weight.flatten(1), self.v))
        return sigma


class SpectralConv2d(SpectralLayer, nn.Conv2d):
    """Convolution with a spectrally normalised kernel."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, padding: int, bias: bool
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=padding, bias=bias)
        self._add_vectors()

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return convolve(x, self)


class SpectralLinear(SpectralLayer, nn.Linear):
    """Linear layer with a spectrally normalised matrix."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self._add_vectors()

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        weight = kernel_of(self, Form.PLAIN, compute_dtype(x))[:, 0]
        return F.linear(x, weight, self.bias)


class SpectralEmbedding(SpectralLayer, nn.Embedding):
    """Embedding with a spectrally normalised table (the projection head's class vectors)."""

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        super().__init__(num_embeddings, embedding_dim)
        self._add_vectors()

    def forward(self, class_labels: Tensor) -> Tensor:  # noqa: D102
        return F.embedding(class_labels, self.weight) / self.sigma()


def _spectral_layers(network: nn.Module) -> list[SpectralLayer]:
    return [layer for layer in network.modules() if isinstance(layer, SpectralLayer)]


def spectral_vectors(network: nn.Module) -> list[Tensor]:
    """U and v of every spectrally normalised layer."""
    return [vector for layer in _spectral_layers(network) for vector in (layer.u, layer.v)]


@torch.no_grad()
def power_iteration(network: nn.Module, iterations: int = 1, *, trained_only: bool = False) -> None:
    """Move u and v of every spectrally normalised layer towards the leading singular pair.

    A network without memory ("meta") has none to move; to go through the motions takes a second.
    `trained_only` leaves layers alone whose weight needs no gradient.
    """
    layers = [
        layer
        for layer in _spectral_layers(network)
        if not layer.weight.is_meta and (layer.weight.requires_grad or not trained_only)
    ]
    if not layers:
        return
    taps = [taps_of(layer.weight) for layer in layers]  # [out, k*k, in]
    matrices = [tap.flatten(1) for tap in taps]
    us, vs = [layer.u for layer in layers], []
    for _ in range(iterations):
        vs = _normalized([torch.mv(m.t(), u) for m, u in zip(matrices, us, strict=True)])
        us = _normalized([torch.mv(m, v) for m, v in zip(matrices, vs, strict=True)])
    torch._foreach_copy_([layer.u for layer in layers], us)
    torch._foreach_copy_(
        [layer.v.view(t.shape[2], -1) for layer, t in zip(layers, taps, strict=True)],
        [v.view(-1, t.shape[2]).t() for v, t in zip(vs, taps, strict=True)],
    )


def _normalized(vectors: list[Tensor]) -> list[Tensor]:
    """`F.normalize` of each vector; for a GPU, in few operations for all."""
    lengths = torch._foreach_clamp_min(torch._foreach_norm(vectors), 1e-12)
    return list(torch._foreach_div(vectors, lengths))


def conv2d(
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    spectral_norm: bool,
    bias: bool = True,
) -> nn.Conv2d:
    """A convolution that keeps height and width, spectrally normalised or plain."""
    layer = SpectralConv2d if spectral_norm else nn.Conv2d
    padding = kernel_size // 2
    return layer(in_channels, out_channels, kernel_size, padding=padding, bias=bias)


def linear(in_features: int, out_features: int, *, spectral_norm: bool) -> nn.Linear:
    """A linear layer with bias, spectrally normalised or plain."""
    layer = SpectralLinear if spectral_norm else nn.Linear
    return layer(in_features, out_features)


def embedding(num_embeddings: int, dim: int, *, spectral_norm: bool) -> nn.Embedding:
    """A table of class vectors, spectrally normalised or plain."""
    layer = SpectralEmbedding if spectral_norm else nn.Embedding
    return layer(num_embeddings, dim)


def initialize(network: nn.Module, *, conv_gain: float = 1.0) -> None:
    """Xavier-uniform weights and zero biases, as in the release; then settle u and v.

    The tables of conditional batch norm keep their own start (gain 1, bias 0).

    Args:
        network: all of its convolutions, linear layers and embeddings.
        conv_gain: factor on the 3x3 kernels' start; 1 in SAGAN, sqrt(2) in SNGAN.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear | SpectralEmbedding) or (
            type(layer) is nn.Embedding
        ):
            is_3x3 = isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
            nn.init.xavier_uniform_(layer.weight, gain=conv_gain if is_3x3 else 1.0)
            bias = cast(Tensor | None, getattr(layer, "bias", None))
            if bias is not None:
                nn.init.zeros_(bias)
    power_iteration(network, _WARM_UP_ITERATIONS)
