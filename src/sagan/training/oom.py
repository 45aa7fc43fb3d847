"""Out-of-memory errors, reworded with what to change."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sagan.common.memory import is_out_of_memory
from sagan.common.schema import ClearError
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import fakes_per_update, real_images_per_pass


class OutOfMemoryError(ClearError, MemoryError):
    """A step did not fit into memory; the checkpoints are as they were."""


@contextmanager
def reraise_oom(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """Raise `OutOfMemoryError` where the device or the host runs out of memory."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(_message(config, device)) from error


def _message(config: TrainingConfig, device: torch.device) -> str:
    fewer = _images_of_a_smaller_pass(config)
    passes = (
        f"training.images_per_pass={fewer} (the same batch in more passes), or " if fewer else ""
    )
    return (
        f"out of memory on {device} with training.batch_size {config.batch_size}, "
        f"{real_images_per_pass(config)} images in one pass of a process; set {passes}a smaller "
        "batch_size or base_channels; checkpoints are intact, and continue_from with allow_changed "
        "goes on from them"
    )


def _images_of_a_smaller_pass(config: TrainingConfig) -> int | None:
    """The largest images_per_pass, up to half of the present one, that divides; None: none does."""
    shares = [n // config.world_size for n in (config.batch_size, fakes_per_update(config))]
    halved = range(real_images_per_pass(config) // 2, 0, -1)
    return next((n for n in halved if not any(share % min(n, share) for share in shares)), None)
