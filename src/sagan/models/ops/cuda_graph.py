"""CUDA graphs: the operations of a function, recorded once and replayed on other inputs."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Generic, TypeVar

import torch
from torch import Tensor

from sagan.models.ops.kernels import forget_kernels

T = TypeVar("T")

_WARM_UP_CALLS = 3  # in which libraries choose their algorithms, and an optimiser makes its state


class Replayed(Generic[T]):
    """A function of tensors, of which a GPU replays the operations: the host starts one graph.

    The first calls run the function as it is, the next one records it. From then on the function
    itself is not called. So all that it reads besides its arguments must keep its place in memory,
    it must not wait for the GPU, and what it decides on the host it decides once. Its result lies
    in the same memory each time.
    """

    def __init__(self, function: Callable[..., T], changed: Sequence[Tensor]) -> None:
        """Take the function, and those tensors that it changes whose versions something asks for.

        To replay operations gives no tensor a new version.
        """
        self._function, self._changed = function, changed
        self._calls = 0
        self._arguments: list[Tensor] = []
        self._replay: Callable[[], None] | None = None

    def __call__(self, *arguments: Tensor) -> T:
        """The function's result for tensors of the same shapes each time."""
        if self._replay is None and self._calls < _WARM_UP_CALLS:
            self._calls += 1
            with _side_stream(arguments[0].device):
                return self._function(*arguments)
        if self._replay is None:
            self._arguments = [argument.clone() for argument in arguments]
            forget_kernels()
            self._result, self._replay = record(partial(self._function, *self._arguments))
            forget_kernels()  # those lie in the graph's memory
        else:
            torch._foreach_copy_(self._arguments, arguments)
        self._replay()
        torch.autograd.graph.increment_version(self._changed)
        return self._result


def record(function: Callable[[], T]) -> tuple[T, Callable[[], None]]:
    """The function's result, whose values are there after a call of what comes with it."""
    graph = torch.cuda.CUDAGraph()
    # another thread, which reads the next batch into pinned memory, may go on with it
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = function()
    return result, graph.replay


@contextmanager
def _side_stream(device: torch.device) -> Iterator[None]:
    """Work on another stream than the default one, on which nothing can be recorded.

    What autograd keeps of the first calls would tie a recording to the stream that they were on.
    """
    if device.type != "cuda":
        yield
        return
    main, side = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    side.wait_stream(main)
    with torch.cuda.stream(side):
        yield
    main.wait_stream(side)
