"""Errors of torch, reworded with what to change: lack of memory, a failed torch.compile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sagan.common.memory import is_out_of_memory
from sagan.common.schema import ClearError
from sagan.training.config import TrainingConfig
from sagan.training.core.sizes import fakes_per_update, real_images_per_pass


class OutOfMemoryError(ClearError, MemoryError):
    """A step did not fit into memory; the checkpoints are as they were."""


class CompileError(ClearError, RuntimeError):
    """torch.compile failed; the checkpoints are as they were."""


@contextmanager
def reworded_torch_errors(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """Raise other errors for some of torch's.

    Raises:
        CompileError: torch.compile failed.
        OutOfMemoryError: the device or the host ran out of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise OutOfMemoryError(_out_of_memory(config, device)) from error
        if type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
            raise CompileError(_not_compiled(config, error)) from error
        raise


def _not_compiled(config: TrainingConfig, error: BaseException) -> str:
    cache = os.environ.get("TORCHINDUCTOR_CACHE_DIR", "torchinductor_USER in the temporary folder")
    return (
        f"training.compile {config.compile} failed: {str(error).strip().splitlines()[0]}; a "
        f"compilation that was killed may have left a damaged file: remove its cache, {cache}, and "
        "start again, or set training.compile=off"
    )


def _out_of_memory(config: TrainingConfig, device: torch.device) -> str:
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
