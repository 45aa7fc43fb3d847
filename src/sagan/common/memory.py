"""Free memory of the machine, and the refusal of what needs more."""

import os
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

_SHARE = 0.9  # of the free memory that may be asked for
_FREE, _LIMIT = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")


def available_bytes() -> int:
    """Memory that a process can take, of the machine or of its container [bytes]."""
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if _FREE.is_file():  # Linux
        facts = dict(line.split(":", 1) for line in _FREE.read_text("utf-8").splitlines())
        free = min(free, 1024 * int(facts.get("MemAvailable", f"{free // 1024}").split()[0]))
    limit = _LIMIT.read_text("utf-8").strip() if _LIMIT.is_file() else "max"
    return min(free, int(limit)) if limit.isdecimal() else free


def require_memory(name: str, value: int, needed_bytes: Callable[[int], int]) -> None:
    """Refuse a value with which more memory is needed than is free.

    Args:
        name: Of the parameter or option, for the message.
        value: What was asked for.
        needed_bytes: Memory that a value needs; not less for a larger one [bytes].

    Raises:
        ValueError: with the largest value that fits.
    """
    free, needed = int(_SHARE * available_bytes()), needed_bytes(value)
    if needed <= free:
        return
    fits = bisect_right(range(1, value), free, key=needed_bytes)
    remedy = f"up to {fits:,} fit" if fits else "not even 1 fits"
    raise ValueError(
        f"{name} {value:,} needs {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are "
        f"free; {remedy}"
    )
