"""What a layer multiplies by: its weight over sigma, spread, and stored as the product wants it.

A weight serves several passes before an update changes it, and at 1,024 channels making its kernel
costs as much memory traffic as using it. So the kernel of a spectrally normalised layer is made
once per version of weight, u and v, in one pass over the weight, into memory that is used again;
its gradient goes back to the weight in one pass too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

_CHUNK_BYTES = 1 << 20  # made at a time on a CPU, so that it is still in the cache when it is cast

_ROWS = torch.tensor([[1.0, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1]])  # three taps placed twice
_PLACEMENTS = torch.kron(_ROWS, _ROWS)  # [16, 9]: 3x3 taps placed in the four corners of 4x4


class Form(Enum):
    """How a kernel is made of the taps and stored; P positions of a tap, 1, 9 or 16."""

    PLAIN = "the weight as it is: [C_out, P, C_in]"
    POOL = "spread to 4x4 and divided by 4: [C_out, 16, C_in]"
    UPSAMPLE = "spread to 4x4, for a transposed convolution: [C_in, 16, C_out]"
    UPSAMPLE_PRODUCT = "the same for a matrix product: [16, C_out, C_in]"


def by_output(form: Form, kernel: Tensor) -> Tensor:
    """A kernel stored in a form seen as [C_out, P, C_in], or the other way round."""
    if form is Form.UPSAMPLE:
        return kernel.permute(2, 1, 0)
    return kernel.permute(1, 0, 2) if form is Form.UPSAMPLE_PRODUCT else kernel


def placements_of(form: Form, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    """What each of 16 positions takes from each of 9 taps, [16, 9]; None: tap by tap."""
    if form is Form.PLAIN:
        return None
    placements = _PLACEMENTS.to(device, dtype)
    # a transposed convolution reads its kernel backwards
    return placements / 4 if form is Form.POOL else placements.flip(0)


# kept on the device: to copy them there anew for each layer would make a GPU wait each time
_kept_placements = cache(placements_of)


@dataclass(frozen=True)
class _Recipe:
    """How a kernel is made; if `versions` too is the same, it is the same kernel."""

    form: Form
    dtype: torch.dtype
    device: torch.device


@dataclass(frozen=True)
class _Made:
    """A kernel, and what its gradient needs."""

    recipe: _Recipe
    versions: tuple[tuple[int, int], ...]
    kernel: Tensor
    sigma: Tensor | None  # []


_made: WeakKeyDictionary[nn.Module, _Made] = WeakKeyDictionary()


def forget_kernels() -> None:
    """Have every kernel made anew: operations that are recorded must make those that they use."""
    _made.clear()


def kernel_of(layer: nn.Module, form: Form, dtype: torch.dtype) -> Tensor:
    """A layer's kernel, once differentiable in its weight.

    Args:
        layer: its `weight` is [C_out, C_in] or [C_out, C_in, k, k], k = 3 unless the form is PLAIN.
            Where it has vectors u and v, the weight is divided by sigma = u^T W v.
        form: what to make of the weight.
        dtype: of the result; bfloat16 under autocast.

    Returns:
        the kernel, stored as `form` says. It is made anew when weight, u or v have changed, in the
        same memory: autograd refuses to go back through a pass with an earlier version.
    """
    weight: Tensor = layer.weight  # type: ignore[assignment]
    u: Tensor | None = getattr(layer, "u", None)
    v: Tensor | None = getattr(layer, "v", None)
    recipe = _Recipe(form, dtype, weight.device)
    if torch.compiler.is_compiling():  # what is kept between calls is no part of a graph
        return _traced(weight, u, v, recipe)
    # a fused optimiser gives the weight no new version, but u and v move after each of its steps
    sources = [t for t in (weight, u, v) if t is not None]
    versions = tuple((t.data_ptr(), t._version) for t in sources if not t.is_inference())
    made = _made.get(layer)
    if made is None or (made.recipe, made.versions) != (recipe, versions):
        out = made.kernel if made is not None and made.recipe == recipe else None
        made = _Made(recipe, versions, *_make(weight, u, v, recipe, out))
        if len(versions) == 3:
            _made[layer] = made
    if not (torch.is_grad_enabled() and weight.requires_grad):
        return made.kernel.detach()
    kernel: Tensor = _Kernel.apply(weight, u, v, made)
    return kernel


def _traced(weight: Tensor, u: Tensor | None, v: Tensor | None, recipe: _Recipe) -> Tensor:
    """The kernel by operations that torch.compile fuses itself, without a constant tensor.

    One on the CPU would be copied to the GPU in each pass, and keep the pass out of a CUDA graph.
    """
    with torch.autocast(weight.device.type, enabled=False):
        taps = taps_of(weight)
        kernel = taps if recipe.form is Form.PLAIN else _spread(taps, recipe.form)
        if u is not None and v is not None:
            kernel = kernel / torch.dot(u, torch.mv(taps.flatten(1), tap_order(v, taps)))
        return by_output(recipe.form, kernel).to(recipe.dtype).contiguous()


def _spread(taps: Tensor, form: Form) -> Tensor:
    """3x3 taps placed in the four corners of 4x4, as `placements_of`: [O, 9, I] -> [O, 16, I]."""
    square = taps.view(len(taps), 3, 3, -1)
    rows = F.pad(square, (0, 0, 0, 0, 0, 1)) + F.pad(square, (0, 0, 0, 0, 1, 0))
    placed = (F.pad(rows, (0, 0, 0, 1)) + F.pad(rows, (0, 0, 1, 0))).flatten(1, 2)
    return placed / 4 if form is Form.POOL else placed.flip(1)


def taps_of(weight: Tensor) -> Tensor:
    """A weight [O, I] or [O, I, k, k] as [O, k*k, I]: a view if it is stored channels last."""
    if weight.dim() == 2:
        return weight[:, None]
    return weight.permute(0, 2, 3, 1).flatten(1, 2)


def tap_order(v: Tensor, taps: Tensor) -> Tensor:
    """The vector v [I * k*k], in the order of the weight's axes, as [k*k * I]."""
    _, positions, inputs = taps.shape
    return v.view(inputs, positions).t().flatten()


def _make(
    weight: Tensor, u: Tensor | None, v: Tensor | None, recipe: _Recipe, out: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Kernel and sigma, outside of autograd, autocast and inference mode."""
    without_autocast = torch.autocast(weight.device.type, enabled=False)
    with torch.inference_mode(mode=False), torch.no_grad(), without_autocast:
        taps = taps_of(weight)
        placements = _kept_placements(recipe.form, taps.dtype, taps.device)
        if out is None:
            positions = taps.shape[1] if placements is None else len(placements)
            shape = torch.empty(len(taps), positions, taps.shape[2], device="meta")
            stored = by_output(recipe.form, shape).shape
            out = torch.empty(stored, dtype=recipe.dtype, device=recipe.device)
        sigma = None
        if u is not None and v is not None:
            sigma = torch.dot(u, torch.mv(taps.flatten(1), tap_order(v, taps)))
        _place(taps, placements, sigma, by_output(recipe.form, out))
        return out, sigma


def _place(taps: Tensor, matrix: Tensor | None, sigma: Tensor | None, out: Tensor) -> None:
    """out[o] = matrix @ taps[o] / sigma; [O, P, I] by [Q, P] -> [O, Q, I], in out's precision."""
    # a gradient comes in bfloat16 and leaves in the weight's precision; the product is in the wider
    wide = torch.promote_types(taps.dtype, out.dtype)
    factor = taps.new_ones((), dtype=wide) if sigma is None else sigma.reciprocal()
    for part, target in _chunks(taps, out):
        exact = part.to(factor.dtype)
        if matrix is None:
            target.copy_(exact * factor)
        else:
            target.copy_(torch.matmul(matrix * factor, exact))


def _chunks(source: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Both tensors in parts of some outputs each: on a GPU all at once."""
    rows = len(source)
    if source.device.type == "cpu":
        rows = max(1, _CHUNK_BYTES // (target[0].numel() * 4))
    return zip(torch.split(source, rows), torch.split(target, rows), strict=True)


class _Kernel(torch.autograd.Function):
    """The kernel as a function of the weight."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        weight: Tensor,
        u: Tensor | None,
        v: Tensor | None,
        made: _Made,
    ) -> Tensor:
        ctx.save_for_backward(weight, u, v)
        ctx.made = made
        return made.kernel.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # noqa: ANN401
        weight, u, v = ctx.saved_tensors
        made: _Made = ctx.made
        taps = taps_of(weight)
        into = torch.empty_like(taps, memory_format=torch.contiguous_format)
        placements = _kept_placements(made.recipe.form, taps.dtype, taps.device)
        adjoint = None if placements is None else placements.t()
        _place(by_output(made.recipe.form, gradient), adjoint, made.sigma, into)
        if made.sigma is not None:
            # sigma = u^T W v depends on W too: d(W / sigma) = (dW - (W / sigma) u^T dW v) / sigma
            along = torch.dot(into.flatten(), taps.flatten()) / made.sigma
            into.flatten(1).addr_(u * -along, tap_order(v, taps))
        return _as_weight(into, weight), None, None, None


def _as_weight(taps: Tensor, weight: Tensor) -> Tensor:
    """The inverse of `taps_of`, a view."""
    if weight.dim() == 2:
        return taps[:, 0]
    outputs, inputs, height, width = weight.shape
    return taps.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
