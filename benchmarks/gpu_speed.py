"""Speeds of `benchmarks.gpu`: training steps by precision and mode of compilation, the whole loop.

FLOPs are counted by torch while a step runs, and the peak is that of a large bfloat16 matrix
product measured on the same device.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.baselines import OURS_BF16, OURS_FP32, TEXTBOOK, Size, make_step
from benchmarks.gpu_checks import Bench, NotRun, Numbers, drawn_shards, training_settings
from benchmarks.training_step import SIZES
from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.loop import training_loop
from sagan.training.core.state import TrainingState

BATCH_SIZE = 256  # as in the paper
PEAK_SIDE = 8192
COMPILE_SECONDS = 150.0  # of both networks, about


def size_of(bench: Bench, px: str) -> Size:
    """The networks of `benchmarks.training_step` at the paper's batch; on a CPU small ones."""
    if bench.on_gpu:
        return replace(SIZES[px], batch_size=BATCH_SIZE // 4 if bench.quick else BATCH_SIZE)
    return Size(32 if px == "128" and not bench.quick else 16, 8, 3, 4)


def step_speed(bench: Bench, *, px: str, variants: Sequence[str], compiled: str = "off") -> Numbers:
    """Seconds a step, images a second, share of the peak and memory of each variant."""
    if compiled != "off":
        bench.not_if_quick()
        if not bench.on_gpu:
            raise NotRun("compiling for a CPU takes minutes; tests compile the networks")
        bench.require_time(COMPILE_SECONDS)
    size, device = size_of(bench, px), bench.device.type
    if px == "64" and bench.quick:
        raise NotRun("with --quick the larger size only")
    numbers: Numbers = {"size": str(size)}
    for variant in variants:
        flop = counted_flop(make_step(variant, size, device))
        if bench.on_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        step = make_step(variant, size, device, compiled=compiled)
        seconds = best_seconds(step, bench)
        rate = size.batch_size / seconds
        numbers[f"{variant} ms"] = seconds * 1e3
        numbers[f"{variant} images/s"] = rate
        numbers[f"{variant} of peak"] = flop / seconds / matrix_product_peak(bench)
        if bench.on_gpu:
            numbers[f"{variant} MiB"] = torch.cuda.max_memory_allocated() / 2**20
        name = f"step {size.image_size} px {variant.removeprefix('ours ')}"
        bench.images_per_second[name if compiled == "off" else f"{name} {compiled}"] = rate
        del step
    return numbers


def loop_speed(bench: Bench) -> Numbers:
    """Images a second of the whole training loop, which reads its images from shards."""
    bench.require_time(30.0)
    size = size_of(bench, "128")
    shards = drawn_shards(bench.work, size.image_size, size.num_classes, 16 * size.batch_size)
    settings: dict[str, Any] = training_settings(bench) | {
        "batch_size": size.batch_size,
        "precision": "auto",
        "ema_decay": None,
        "augmentation": {"method": "none"},
        "horizontal_flip": True,
        "total_images": 100 * size.batch_size,
    }
    for network in settings["model"].values():
        network["base_channels"] = size.base_channels
        network["attention_resolutions"] = [min(32, size.image_size // 2)]
    config = TrainingConfig(**settings)
    state = TrainingState(config, shards, bench.device)
    loop = training_loop(state, shards, config, DistributedContext(bench.device))
    warm, timed = (2, 2) if bench.quick else (5, 20)
    for _ in range(warm):
        next(loop)
    bench.synchronize()
    started = time.perf_counter()
    for _ in range(timed):
        next(loop)
    bench.synchronize()
    rate = timed * size.batch_size / (time.perf_counter() - started)
    loop.close()  # type: ignore[attr-defined]
    precision = config.resolved().precision
    bench.images_per_second[f"loop {size.image_size} px {precision}"] = rate
    return {"size": str(size), "precision": precision, "images/s": rate}


def counted_flop(step: Callable[[], None]) -> float:
    """FLOP of one step's convolutions, matrix products and attention."""
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops())


def best_seconds(step: Callable[[], object], bench: Bench) -> float:
    """Seconds a step in the fastest of several rounds, warm."""
    rounds, steps = (1, 1) if bench.quick and not bench.on_gpu else (3, 5)
    for _ in range(1 if bench.quick else 3):
        step()
    times = []
    for _ in range(rounds):
        bench.synchronize()
        started = time.perf_counter()
        for _ in range(steps):
            step()
        bench.synchronize()
        times.append((time.perf_counter() - started) / steps)
    return min(times)


def matrix_product_peak(bench: Bench) -> float:
    """FLOP/s of a large bfloat16 matrix product, measured once."""
    if bench.peak is None:
        side = PEAK_SIDE if bench.on_gpu else 256
        a, b = (
            torch.randn(side, side, device=bench.device, dtype=torch.bfloat16) for _ in range(2)
        )
        bench.peak = 2 * side**3 / best_seconds(lambda: torch.mm(a, b), bench)
    return bench.peak


def peak(bench: Bench) -> Numbers:
    """The peak itself."""
    return {"bf16 TFLOP/s": matrix_product_peak(bench) / 1e12}


_EAGER, _FAST = (TEXTBOOK, OURS_FP32, OURS_BF16), (OURS_BF16,)
SPEEDS: Sequence[tuple[str, Callable[[Bench], Numbers]]] = (
    ("matrix product", peak),
    ("step, 64 px", partial(step_speed, px="64", variants=_EAGER)),
    ("step, 128 px", partial(step_speed, px="128", variants=_EAGER)),
    ("loop, 128 px", loop_speed),
    ("compiled, 128 px", partial(step_speed, px="128", variants=_FAST, compiled="default")),
    (
        "CUDA graphs, 64 px",
        partial(step_speed, px="64", variants=_FAST, compiled="reduce-overhead"),
    ),
    (
        "CUDA graphs, 128 px",
        partial(step_speed, px="128", variants=_FAST, compiled="reduce-overhead"),
    ),
)
