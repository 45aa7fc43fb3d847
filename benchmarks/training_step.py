"""Speed of a training step, compared with a textbook step on the same networks.

`python -m benchmarks.training_step` measures the textbook step (see `benchmarks.textbook`) and
ours, in float32 and in bfloat16, in turn, each in its own process: CPU-seconds at one thread, wall
time at all threads, peak memory. Ratios are medians over the rounds. The JSON line at the end has
the numbers of the first size, and those of 128 px with the suffix _128; keys without a precision
(images_per_second per core, peak_rss_ratio) are bfloat16's. `benchmarks.gpu` measures a GPU.
"""

import argparse
import json
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection

import torch

from benchmarks.baselines import OURS_BF16, OURS_FP32, TEXTBOOK, VARIANTS, Lap, Size, serve
from benchmarks.counts import positive

SIZES = {"64": Size(64, 32, 100, 32), "128": Size(128, 64, 1000, 8)}
ROUNDS = {"64": 7, "128": 3}

Laps = dict[str, list[Lap]]


@contextmanager
def processes(size: Size) -> Iterator[dict[str, Connection]]:
    """A warm process for each variant."""
    context = get_context("spawn")
    connections, children = {}, []
    for name in VARIANTS:
        connections[name], theirs = context.Pipe()
        child = context.Process(target=serve, args=(theirs, name, size), daemon=True)
        child.start()
        theirs.close()  # so that a child's death is seen here
        children.append(child)
    for connection in connections.values():
        connection.recv()
    yield connections
    for connection in connections.values():
        connection.send(None)
    for child in children:
        child.join()


def interleave(connections: dict[str, Connection], rounds: int, threads: int) -> Laps:
    """Each round asks every variant for one step, one after the other."""
    laps: Laps = {name: [] for name in connections}
    for _ in range(rounds):
        for name, connection in connections.items():
            connection.send(threads)
            laps[name].append(connection.recv())
    return laps


def measure(size: Size, rounds: int) -> dict[str, dict[str, float]]:
    """By variant: `cpu`, `wall` [s a step], `rss` [MiB]; `x_...`: the textbook's over it."""
    with processes(size) as connections:
        one = interleave(connections, rounds, threads=1)
        every = interleave(connections, rounds, threads=torch.get_num_threads())
    columns = {
        "cpu": {name: [lap.cpu_seconds for lap in laps] for name, laps in one.items()},
        "wall": {name: [lap.wall_seconds for lap in laps] for name, laps in every.items()},
        "rss": {name: [laps[-1].peak_rss_mib] for name, laps in every.items()},
    }
    rows: dict[str, dict[str, float]] = {name: {} for name in VARIANTS}
    for column, values in columns.items():
        for name, row in rows.items():
            row[column] = statistics.median(values[name])
            ratios = zip(values[TEXTBOOK], values[name], strict=True)
            row[f"x_{column}"] = statistics.median(theirs / ours for theirs, ours in ratios)
    for row in rows.values():
        row["rate"] = size.batch_size / row["cpu"]
    return rows


def table(results: dict[Size, dict[str, dict[str, float]]]) -> list[str]:
    """Lines of at most 80 characters."""
    threads = torch.get_num_threads()
    lines = [
        f"{'':10}{'CPU-s':>9}{'wall s':>10}{'images/s':>10}{'peak RSS':>10}{'textbook / this':>25}",
        f"{'':10}{'1 thread':>9}{f'{threads} threads':>10}{'a core':>10}{'MiB':>10}"
        f"{'CPU':>9}{'wall':>8}{'RSS':>8}",
    ]
    for size, rows in results.items():
        lines.append(str(size))
        lines += [
            f"{name:10}{row['cpu']:9.3f}{row['wall']:10.3f}{row['rate']:10.2f}{row['rss']:10.0f}"
            f"{row['x_cpu']:9.2f}{row['x_wall']:8.2f}{row['x_rss']:8.2f}"
            for name, row in rows.items()
        ]
    return lines


def numbers(rows: dict[str, dict[str, float]], suffix: str) -> dict[str, float]:
    """What the JSON line says about one size."""
    fp32, bf16 = rows[OURS_FP32], rows[OURS_BF16]
    named = {
        "ratio_fp32": fp32["x_cpu"],
        "ratio_bf16": bf16["x_cpu"],
        "ratio_fp32_wall": fp32["x_wall"],
        "ratio_bf16_wall": bf16["x_wall"],
        "images_per_second": bf16["rate"],
        "images_per_second_fp32": fp32["rate"],
        "peak_rss_ratio": bf16["x_rss"],
        "peak_rss_ratio_fp32": fp32["x_rss"],
    }
    return {f"{key}{suffix}": round(value, 3) for key, value in named.items()}


def chosen_sizes(options: argparse.Namespace) -> dict[str, Size]:
    """What to measure, by suffix of its keys."""
    own = {
        name: getattr(options, name)
        for name in ("image_size", "base_channels", "num_classes", "batch_size")
        if getattr(options, name) is not None
    }
    names = ["64", "128"] if options.size == "both" and not own else [options.size]
    names = ["64"] if names == ["both"] else names
    suffixes = {"64": "", "128": "_128" if len(names) > 1 else ""}
    return {suffixes[name]: replace(SIZES[name], **own) for name in names}


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, or these words."""
    parser = argparse.ArgumentParser(prog="benchmarks.training_step", description=__doc__)
    parser.add_argument("--size", choices=(*SIZES, "both"), default="both")
    for name in ("image-size", "base-channels", "num-classes", "batch-size"):
        parser.add_argument(f"--{name}", type=positive, help="for a size of your own")
    parser.add_argument("--rounds", type=positive, help="steps of each; 7 at 64 px and 3 at 128 px")
    return parser.parse_args(words)


def main() -> None:
    """Measure, print the table, then one JSON line."""
    options = arguments()
    sizes = chosen_sizes(options)
    results: dict[Size, dict[str, dict[str, float]]] = {}
    line: dict[str, float] = {}
    for suffix, size in sizes.items():
        rounds = options.rounds or ROUNDS["128" if size.image_size >= 128 else "64"]
        results[size] = measure(size, rounds)
        line |= numbers(results[size], suffix) | {f"rounds{suffix}": rounds}
    print("\n".join(table(results)))
    print(json.dumps(line))


if __name__ == "__main__":
    main()
