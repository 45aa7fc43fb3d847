"""The training step on a GPU: images a second, memory, and the share of the device's own peak.

Each variant has the device to itself. FLOPs are counted by torch while a step runs, and the peak
is that of a large bfloat16 matrix product measured on the same device.
"""

import json
import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.baselines import (
    OURS_BF16,
    OURS_FP32,
    TEXTBOOK,
    VARIANTS,
    Size,
    make_step,
)

STEPS_A_ROUND = 5
PEAK_SIDE = 8192


def measure_on_cuda(sizes: dict[str, Size], *, rounds: int, compiled: bool) -> None:
    """Measure, print the table, then one JSON line; keys as in `benchmarks.training_step`."""
    torch.backends.cudnn.benchmark = True
    peak = matrix_product_peak()
    line: dict[str, float | str] = {
        "device": torch.cuda.get_device_name(),
        "peak_bf16_tflops": round(peak / 1e12, 1),
    }
    print(f"{line['device']}: {peak / 1e12:.0f} TFLOP/s in a bfloat16 matrix product")
    print(f"{'':10}{'ms/step':>10}{'images/s':>10}{'peak MiB':>10}{'TFLOP':>9}{'of peak':>9}")
    for suffix, size in sizes.items():
        rows = measure_size(size, rounds, compiled=compiled)
        for name, row in rows.items():
            print(
                f"{name:10}{row['seconds'] * 1e3:10.1f}{row['rate']:10.1f}{row['mib']:10.0f}"
                f"{row['flop'] / 1e12:9.2f}{row['flop'] / row['seconds'] / peak:9.1%}"
            )
        theirs, fp32, bf16 = rows[TEXTBOOK], rows[OURS_FP32], rows[OURS_BF16]
        found = {
            "ratio_fp32": theirs["seconds"] / fp32["seconds"],
            "ratio_bf16": theirs["seconds"] / bf16["seconds"],
            "images_per_second": bf16["rate"],
            "images_per_second_fp32": fp32["rate"],
            "peak_memory_ratio": theirs["mib"] / bf16["mib"],
            "fraction_of_peak": bf16["flop"] / bf16["seconds"] / peak,
            "rounds": rounds,
        }
        line |= {f"{key}{suffix}": round(value, 3) for key, value in found.items()}
    print(json.dumps(line))


def measure_size(size: Size, rounds: int, *, compiled: bool) -> dict[str, dict[str, float]]:
    """By variant: `seconds` a step, images/s, peak MiB, FLOP a step."""
    print(size)
    rows = {}
    for name in VARIANTS:
        flop = counted_flop(make_step(name, size, "cuda"))
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        step = make_step(name, size, "cuda", compiled=compiled)
        seconds = best_seconds(step, rounds)
        rows[name] = {
            "seconds": seconds,
            "rate": size.batch_size / seconds,
            "mib": torch.cuda.max_memory_allocated() / 2**20,
            "flop": flop,
        }
        del step
    return rows


def counted_flop(step: Callable[[], None]) -> float:
    """FLOP of one step's convolutions, matrix products and attention."""
    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops())


def best_seconds(step: Callable[[], None], rounds: int) -> float:
    """Seconds a step in the fastest round, warm."""
    for _ in range(3):
        step()
    times = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(STEPS_A_ROUND):
            step()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - started) / STEPS_A_ROUND)
    return min(times)


def matrix_product_peak() -> float:
    """FLOP/s of a large bfloat16 matrix product."""
    a, b = (
        torch.randn(PEAK_SIDE, PEAK_SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(2)
    )
    return 2 * PEAK_SIDE**3 / best_seconds(lambda: torch.mm(a, b), 3)
