"""Choice of the compute device."""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from sagan.common.schema import require_device_name

logger = logging.getLogger(__name__)


def choose_device(name: str, *, threads: int = 0) -> torch.device:
    """The device by name; 'auto' is CUDA if available, else the CPU with a warning.

    Args:
        name: auto, cpu, cuda, or one of several GPUs, such as cuda:1.
        threads: CPU threads; 0 leaves the number to torch.

    Raises:
        ValueError: for another name, or if the device is not available.
    """
    try:
        require_device_name(name)
    except ValueError as error:
        raise ValueError(f"device: {error}") from None
    if threads:
        torch.set_num_threads(threads)
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError(
            f"device: {name} was asked for, but torch sees no CUDA device; "
            "use device: auto or device: cpu, or check the driver with `nvidia-smi`"
        )
    if ":" in name and int(name.partition(":")[2]) >= torch.cuda.device_count():
        raise ValueError(
            f"device: {name} was asked for, but there are {torch.cuda.device_count()} GPUs"
        )
    if name == "auto" and not torch.cuda.is_available():
        warn_cpu(torch.get_num_threads())
        return torch.device("cpu")
    return torch.device("cuda" if name == "auto" else name)


@cache
def computes_bf16(device: str) -> bool:
    """Whether a device has instructions for bfloat16; others emulate them, many times slower.

    Args:
        device: auto, cpu or cuda, as `choose_device` takes them.
    """
    if device != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if hasattr(torch.cpu, "get_capabilities"):  # newer than torch 2.11
        found = torch.cpu.get_capabilities()
        return any(found.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return bool(torch.cpu._is_avx512_bf16_supported())


def require_compilation(mode: str, device_type: str) -> None:
    """Refuse a mode of `training.compile` that cannot work here.

    Args:
        mode: of `training.compile`.
        device_type: cpu or cuda.

    Raises:
        ValueError: CUDA graphs of whole updates without a GPU; torch.compile without the compiler
            that it starts.
    """
    if mode == "cuda-graph" and device_type != "cuda":
        raise ValueError(
            f"training.compile: cuda-graph needs a GPU, and the device is {device_type}; set "
            "training.compile=off"
        )
    on_cpu = "CXX", ("clang++" if sys.platform == "darwin" else "g++",)
    variable, usual = ("CC", ("gcc", "clang")) if device_type == "cuda" else on_cpu
    given = os.environ.get(variable, "").split()[:1]
    compilers = given or usual
    if mode not in ("off", "cuda-graph") and not any(map(shutil.which, compilers)):
        raise ValueError(
            f"training.compile: {mode} needs a compiler, and there is no {' or '.join(compilers)}; "
            f"install it, name another in the environment variable {variable}, or set "
            "training.compile=off"
        )


@contextmanager
def fastest_convolutions(device: torch.device) -> Iterator[None]:
    """Let cuDNN choose the fastest algorithm at a shape's first batch, inside the block.

    For work whose batches are all of one size. On a CPU nothing changes.
    """
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = before or device.type == "cuda"
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def float32_inference() -> Iterator[None]:
    """Inference mode in which float32 is not computed in TensorFloat-32 on a GPU.

    For numbers that are compared across devices: TensorFloat-32 has a mantissa of 10 bits, and is
    torch's default in convolutions.
    """
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    try:
        with torch.inference_mode():
            yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before


class _NoInitialValues(TorchFunctionMode):
    """Leaves out initial values, for which torch would import its compiler: seconds of work."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401 - torch's signature
        if getattr(func, "__module__", "") == "torch.nn.init" or func is torch.Tensor.normal_:
            return args[0] if args else kwargs["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **kwargs or {})


@contextmanager
def without_memory() -> Iterator[None]:
    """Let tensors made in the block have no memory and no values ("meta").

    Networks are built at once, and draw no random numbers.
    """
    with torch.device("meta"), _NoInitialValues():
        yield


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Restore torch's global random states after the block, without a first use of a GPU."""
    used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpus = range(torch.cuda.device_count()) if used else ()
    with torch.random.fork_rng(devices=gpus):
        yield


def is_gpu_lost(error: BaseException) -> bool:
    """Whether an error leaves this process without its GPU: every later call fails as well.

    After an illegal access or a failed assertion on the device, and not where memory ran out.
    """
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, torch.AcceleratorError) and "out of memory" not in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


@cache  # once per process, not per pipeline
def warn_cpu(threads: int) -> None:
    """Warn once that the CPU is used."""
    logger.warning("no CUDA device: computing on the CPU (threads: %d)", threads)
