"""Order-keeping parallel map over threads, with bounded memory.

Image decoding, resizing and hashing all release the interpreter lock, so threads use every core
and a Ctrl-C leaves no orphan behind.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# enough work in flight that a slow image does not starve the other threads
PENDING_PER_WORKER = 8


def resolve_workers(workers: int) -> int:
    """Number of threads meant by a `workers` parameter: 0 is every core of this process."""
    if workers:
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in the items' order.

    Args:
        function: called in worker threads.
        items: consumed only a little ahead of the results.
        workers: number of threads; 0 takes all cores.

    Raises:
        Exception: the first one that `function` raised; work not begun is dropped.
    """
    threads = resolve_workers(workers)
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= threads * PENDING_PER_WORKER:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
