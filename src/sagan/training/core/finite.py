"""Updates that are not finite: found on the device, skipped there, and raised by the host.

On a GPU the host would wait for every update if it asked each time. There the optimiser skips the
update by itself, and so does everything after it; the host raises one step later.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from sagan.common.schema import ClearError


class NonFiniteError(ClearError, ArithmeticError):
    """A loss or a gradient is NaN or infinite; weights and statistics have not been touched."""

    def __init__(self, network: str, facts: dict[str, float], where: str = "") -> None:
        """Take the network's name, the numbers that were seen, and where in the run that was."""
        self.network, self.facts, self.where = network, facts, where
        numbers = ", ".join(
            f"{name.replace('_', ' ')} {value:.4g}" for name, value in facts.items()
        )
        super().__init__(f"the {network}'s update is not finite: {numbers}{where}")


class Facts(NamedTuple):
    """What decides on an update."""

    network: str
    names: tuple[str, ...]
    values: Tensor
    """[names]"""


class _Update(NamedTuple):
    """An update that the host has not looked at."""

    facts: Facts
    """On the host; the values are there once the event has come."""
    images_seen: int
    copied: torch.cuda.Event | None


class FiniteCheck:
    """Decides whether an update is made; after one that is not finite, none is."""

    def __init__(self, device: torch.device, *, deferred: bool | None = None) -> None:
        """Take the device.

        Args:
            device: of the networks.
            deferred: raise in `require_finite` only; then optimisers must be fused. Otherwise
                raise in the update itself. None: on a GPU.
        """
        self.deferred = device.type == "cuda" if deferred is None else deferred
        self.images_seen = 0
        """Before the coming update; after an error, before the one that was not finite."""
        self.stopped = torch.zeros((), device=device)
        """1 after an update that was not finite, else 0."""
        self.facts: Facts | None = None
        """Of the newest update, on the device."""
        self.replays = False
        """Whether updates are replayed, and `look_later` is called after each of them."""
        self._updates: deque[_Update] = deque()

    def step(self, optimizer: Optimizer, network: str, facts: dict[str, Tensor]) -> None:
        """Step the optimiser if all of the facts, tensors [] each, are finite.

        Raises:
            NonFiniteError: if one is not, unless this is deferred.
        """
        values = torch.stack(list(facts.values())).detach()
        finite = torch.isfinite(values).all()
        if not self.deferred:
            if not finite:
                raise NonFiniteError(network, dict(zip(facts, values.tolist(), strict=True)))
        else:
            torch.maximum(self.stopped, finite.logical_not().float(), out=self.stopped)
            optimizer.found_inf = self.stopped  # type: ignore[attr-defined] # fused ones heed it
            self.facts = Facts(network, tuple(facts), values)
            if not self.replays:
                self.look_later(self.facts)
        optimizer.step()

    def look_later(self, facts: Facts) -> None:
        """Copy an update's facts to the host, without waiting for them."""
        copied, values = None, facts.values.to("cpu", non_blocking=True, copy=True)
        if facts.values.is_cuda:
            copied = torch.cuda.current_stream(facts.values.device).record_event()
        self._updates.append(_Update(facts._replace(values=values), self.images_seen, copied))

    def require_finite(self, *, but: int = 0) -> None:
        """Wait for all updates but the newest ones, and raise if one of them was not finite.

        Raises:
            NonFiniteError: of the first such update.
        """
        while len(self._updates) > but:
            (network, names, values), self.images_seen, copied = self._updates.popleft()
            if copied is not None:
                copied.synchronize()
            facts = dict(zip(names, values.tolist(), strict=True))
            if not all(isfinite(value) for value in facts.values()):
                raise NonFiniteError(network, facts)

    @contextmanager
    def unchanged_unless_finite(self, tensors: Sequence[Tensor]) -> Iterator[None]:
        """Put the tensors back after the block if it raises, or if an update was not finite."""
        before = _joined(tensors)
        try:
            yield
        except BaseException:
            _write(tensors, before)
            raise
        if self.deferred:
            now = _joined(tensors)
            kept = {
                dtype: torch.where(self.stopped > 0, values, now[dtype])
                for dtype, values in before.items()
            }
            _write(tensors, kept)


def _of_dtype(tensors: Sequence[Tensor], dtype: torch.dtype) -> list[Tensor]:
    return [tensor for tensor in tensors if tensor.dtype == dtype]


@torch.no_grad()
def _joined(tensors: Sequence[Tensor]) -> dict[torch.dtype, Tensor]:
    """A copy of all values, one vector for each dtype: few operations for many small tensors."""
    return {
        dtype: torch.cat([tensor.flatten() for tensor in _of_dtype(tensors, dtype)])
        for dtype in {tensor.dtype for tensor in tensors}
    }


@torch.no_grad()
def _write(tensors: Sequence[Tensor], values: dict[torch.dtype, Tensor]) -> None:
    """Write what `_joined` gave back into the tensors."""
    for dtype, joined in values.items():
        targets = _of_dtype(tensors, dtype)
        parts = torch.split(joined, [target.numel() for target in targets])
        shaped = [part.view_as(target) for part, target in zip(parts, targets, strict=True)]
        torch._foreach_copy_(targets, shaped)
