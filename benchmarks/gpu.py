"""Whether the package is right and fast on a GPU: `python -m benchmarks.gpu`.

It compares the device with the CPU (networks, gradients, a step, samples, attention maps, scores),
trains every recipe in both precisions, resumes, kills a run, lets one run out of memory, starts two
processes where there are two GPUs, and measures the speed of steps and of the whole loop. It
draws its own images and needs torch, torchvision, NumPy, SciPy, Pillow, pydantic, PyYAML,
safetensors and tqdm, with the folder `src` in PYTHONPATH.

It prints a table, whose rows pass, fail or are not run (with the reason), then one line of JSON,
and writes all numbers to `<out>/gpu-<device>.json`. The exit status is 1 if a row fails. It takes
less than eight minutes on a GPU, two with `--quick`; with `--device cpu`, where everything is
small, it shows that the program itself works.
"""

import argparse
import json
import logging
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.gpu_checks import CHECKS, Bench, NotRun, Numbers
from benchmarks.gpu_speed import SPEEDS
from sagan.common.devices import choose_device, fastest_convolutions

SECONDS = {False: 460.0, True: 110.0}  # by --quick
RESULTS = Path(__file__).parent / "results"


class Row(NamedTuple):
    """What came of a check."""

    name: str
    outcome: str
    """pass, fail or not run."""
    reason: str
    numbers: Numbers
    seconds: float

    def __str__(self) -> str:
        told = ", ".join(f"{name} {_short(value)}" for name, value in self.numbers.items())
        return f"{self.name:20} {self.outcome:8} {self.seconds:6.1f} s  {self.reason or told}"


def run_row(name: str, check: Callable[[Bench], Numbers], bench: Bench) -> Row:
    """Run a check; whatever it raises is its result."""
    started, reason, numbers, outcome = time.monotonic(), "", {}, "pass"
    try:
        numbers = check(bench)
    except NotRun as not_run:
        outcome, reason = "not run", str(not_run)
    except Exception as error:
        outcome, reason = "fail", f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return Row(name, outcome, reason, numbers, time.monotonic() - started)


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def summarise(rows: Sequence[Row], bench: Bench) -> dict[str, Any]:
    """The JSON line."""
    counts = Counter(row.outcome for row in rows)
    return {
        "passed": counts["pass"],
        "failed": counts["fail"],
        "not_run": [row.name for row in rows if row.outcome == "not run"],
        "images_per_second": {k: round(v, 1) for k, v in bench.images_per_second.items()},
    }


@contextmanager
def _one_thread(device: torch.device) -> Iterator[None]:
    """On a CPU, where networks are too small for more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if device.type == "cpu" else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line, or these words."""
    parser = argparse.ArgumentParser(prog="benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Check, measure, print the table, then the JSON line; status 1 where a row fails."""
    options = arguments(words)
    try:
        device = choose_device(options.device)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    rows: list[Row] = []
    folder = tempfile.TemporaryDirectory(prefix="sagan-gpu-")
    with folder as work, fastest_convolutions(device), _one_thread(device):
        bench = Bench(device, options.quick, Path(work), SECONDS[options.quick])
        for name, check in (*CHECKS, *SPEEDS):
            rows.append(run_row(name, check, bench))
            print(rows[-1], flush=True)
    line = summarise(rows, bench)
    name = re.sub(r"[^a-z0-9]+", "-", str(rows[0].numbers.get("name", device)).lower()).strip("-")
    options.out.mkdir(parents=True, exist_ok=True)
    written = line | {"quick": options.quick, "rows": [row._asdict() for row in rows]}
    (options.out / f"gpu-{name}.json").write_text(json.dumps(written, indent=1) + "\n")
    print(json.dumps(line))
    return 1 if line["failed"] else 0


if __name__ == "__main__":
    logging.getLogger("sagan").setLevel(logging.ERROR)  # the table alone
    raise SystemExit(main())
