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
from benchmarks.gpu_checks.bench import Bench, Check, NotRun, Numbers, drawn_shards
from benchmarks.gpu_checks.training import training_settings
from benchmarks.training_step import SIZES
from sagan.training.config import TrainingConfig
from sagan.training.core.distributed import DistributedContext
from sagan.training.core.loop import training_loop
from sagan.training.core.state import CUDA_GRAPH, TrainingState

BATCH_SIZE = 256  # as in the paper
SMALL_BATCH = 64  # of 64 px, as a single user's run has it
PEAK_SIDE = 8192
HOST_BOUND = 1.25  # times as fast by CUDA graphs, at least: then the GPU was waiting


def size_of(bench: Bench, px: str, batch_size: int = BATCH_SIZE) -> Size:
    """The networks of `benchmarks.training_step` at the paper's batch; on a CPU small ones."""
    if bench.on_gpu:
        return replace(SIZES[px], batch_size=batch_size)
    return Size(32 if px == "128" and not bench.quick else 16, 8, 3, 4)


def step_speed(bench: Bench, *, px: str, variants: Sequence[str], compiled: str = "off") -> Numbers:
    """Seconds a step, images a second, share of the peak and memory of each variant."""
    if compiled != "off" and not bench.on_gpu:
        raise NotRun("for a GPU; tests compile the networks and replay the updates on a CPU")
    size, device = size_of(bench, px), bench.device.type
    numbers: Numbers = {"size": str(size)}
    for variant in variants:
        try:
            numbers |= _speed_of(bench, variant, size, device, compiled)
        except torch.OutOfMemoryError:
            numbers[variant] = "out of memory"
    return numbers


def _speed_of(bench: Bench, variant: str, size: Size, device: str, compiled: str) -> Numbers:
    flop = counted_flop(make_step(variant, size, device))
    if bench.on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    step = make_step(variant, size, device, compiled=compiled)
    seconds = best_seconds(step, bench)
    rate = size.batch_size / seconds
    name = f"step {size.image_size} px {variant.removeprefix('ours ')}"
    bench.images_per_second[name if compiled == "off" else f"{name} {compiled}"] = rate
    numbers: Numbers = {
        f"{variant} ms": seconds * 1e3,
        f"{variant} images/s": rate,
        f"{variant} of peak": flop / seconds / matrix_product_peak(bench),
    }
    if bench.on_gpu:
        numbers[f"{variant} MiB"] = torch.cuda.max_memory_allocated() / 2**20
    return numbers


def loop_speed(bench: Bench, *, compiled: str = "off") -> Numbers:
    """Images a second of the whole training loop, which reads its images from shards."""
    if compiled != "off" and not bench.on_gpu:
        raise NotRun("for a GPU")
    return timed_loop(bench, size_of(bench, "128"), compiled)


def what_bounds(bench: Bench) -> Numbers:
    """The loop at 64 px and a small batch, and whether the GPU waits for its host there."""
    size = size_of(bench, "64", SMALL_BATCH)
    numbers = timed_loop(bench, size, "off")
    if not bench.on_gpu:
        return numbers | {"bound": "the CPU"}
    replayed = timed_loop(bench, size, CUDA_GRAPH)
    gain = float(replayed["images/s"]) / float(numbers["images/s"])
    graph = {f"{name}, CUDA graphs": replayed[name] for name in ("images/s", "host ms")}
    return numbers | graph | {"bound": "the host" if gain > HOST_BOUND else "the GPU"}


def timed_loop(bench: Bench, size: Size, compiled: str) -> Numbers:
    """Images a second, and the host's CPU time in the loop's own thread."""
    shards = drawn_shards(bench.work, size.image_size, size.num_classes, 16 * size.batch_size)
    settings: dict[str, Any] = training_settings(bench) | {
        "batch_size": size.batch_size,
        "precision": "auto",
        "compile": compiled,
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
    warm, timed = (6, 20) if bench.on_gpu else (2, 2)
    for _ in range(warm):
        next(loop)
    bench.synchronize()
    started, on_cpu = time.perf_counter(), time.thread_time()
    for _ in range(timed):
        next(loop)
    on_cpu = time.thread_time() - on_cpu
    bench.synchronize()
    rate = timed * size.batch_size / (time.perf_counter() - started)
    loop.close()  # type: ignore[attr-defined]
    precision = config.resolved().precision
    name = f"loop {size.image_size} px {precision}"
    bench.images_per_second[name if compiled == "off" else f"{name} {compiled}"] = rate
    host = on_cpu / timed * 1e3
    return {"size": str(size), "precision": precision, "images/s": rate, "host ms": host}


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


def _compiled(px: str, mode: str) -> Callable[[Bench], Numbers]:
    return partial(step_speed, px=px, variants=_FAST, compiled=mode)


# what takes minutes comes last, the more important before the less
SPEEDS: Sequence[Check] = (
    Check("matrix product", peak),
    Check("step, 128 px", partial(step_speed, px="128", variants=_EAGER), 45.0),
    Check("step, 64 px", partial(step_speed, px="64", variants=_EAGER)),
    Check("loop, 128 px", loop_speed),
    Check("loop, 64 px", what_bounds),
    Check("replayed, 128 px", _compiled("128", CUDA_GRAPH)),
    Check("replayed, 64 px", _compiled("64", CUDA_GRAPH)),
    Check("compiled, 128 px", _compiled("128", "default"), 150.0, quick=False),
    Check("compiled loop, 128 px", partial(loop_speed, compiled="default"), 90.0, quick=False),
    Check("compiled, 64 px", _compiled("64", "default"), 120.0, quick=False),
    Check("reduce-overhead, 128 px", _compiled("128", "reduce-overhead"), 120.0, quick=False),
    Check("reduce-overhead, 64 px", _compiled("64", "reduce-overhead"), 120.0, quick=False),
)
