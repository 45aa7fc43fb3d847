"""Running out of memory, told with what to change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sagan.schema import ClearError
from sagan.training.config import TrainingConfig

_ALLOCATOR = (
    "can't allocate memory",
    "not enough memory",
    "Cannot allocate memory",
    # of a GPU, where it is not torch's allocator that fails: a context, a library's workspace
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
)


class OutOfMemory(ClearError, MemoryError):  # noqa: N818 - as the builtin is called
    """A step did not fit into memory; the checkpoints are as they were."""


@contextmanager
def explained_memory(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """Turn running out of memory, of the device or the host, into `OutOfMemory`."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise OutOfMemory(_message(config, device)) from error
    except RuntimeError as error:
        if not any(phrase in str(error) for phrase in _ALLOCATOR):
            raise
        raise OutOfMemory(_message(config, device)) from error


def _message(config: TrainingConfig, device: torch.device) -> str:
    at_once = config.images_at_once
    return (
        f"out of memory on {device} with training.batch_size {config.batch_size}, "
        f"{at_once} images in one pass of a process; set training.images_per_pass="
        f"{max(1, at_once // 2)} (the same batch in more passes), or a smaller batch_size or "
        "base_channels; checkpoints are intact"
    )
