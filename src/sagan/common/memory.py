"""Memory: how much is free, the refusal of what needs more, and errors for lack of it."""

import os
import sys
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path

_SHARE = 0.9  # of the free memory that may be asked for
_FREE, _LIMIT = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")
# in errors of torch and of libraries that it calls
_LACKING = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    # oneDNN's words for its out_of_memory too; it has no others for it
    "could not create a primitive",
    "could not create a memory",
    # of a GPU outside torch's allocator: a library's workspace
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    # of cuDNN, once each of its algorithms has failed; torch drops their errors
    "was unable to find an engine to execute this computation",
    # of NCCL, which gives no other reason
    "Failed to CUDA calloc",
    "Failed to CUDA malloc",
    "Failed to CUDA host alloc",
)
OUT_OF_MEMORY = "out of memory; set a smaller batch size, or use a device with more memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device or the host has too little memory."""
    lacking = isinstance(error, RuntimeError) and any(text in str(error) for text in _LACKING)
    return lacking or isinstance(error, MemoryError)


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
    fits = bisect_right(range(1, min(value, sys.maxsize)), free, key=needed_bytes)
    remedy = f"up to {fits:,} fit" if fits else "not even 1 fits"
    raise ValueError(
        f"{name} {value:,} needs {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are "
        f"free; {remedy}"
    )
