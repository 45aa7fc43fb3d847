"""Whether the package is right and fast on a GPU: `python -m benchmarks.gpu`.

It compares the device with the CPU (networks, gradients, a step, samples, attention maps, scores),
trains every recipe in both precisions, resumes, kills a run, lets one run out of memory, starts two
processes where there are two GPUs, and measures the speed of steps and of the whole loop. It
draws its own images and needs torch, torchvision, NumPy, SciPy, Pillow, pydantic, PyYAML,
safetensors and tqdm; where `sagan` is not installed, the folder `src` is used.

It prints a table, whose rows pass, fail or are not run (with the reason), then one line of JSON,
and writes all numbers to `<out>/gpu-<device>.json`. The exit status is 1 if a row fails. It takes
less than eight minutes on a GPU, two with `--quick`: a row that takes longer than it may is ended
and fails, and one for which too little time is left is not run. With `--device cpu`, where
everything is small, it shows that the program itself works.
"""

import argparse
import json
import logging
import os
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

if find_spec("sagan") is None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
try:
    import torch

    from benchmarks.gpu_checks import CHECKS
    from benchmarks.gpu_checks.bench import Bench, Check, NotRun, Numbers
    from benchmarks.gpu_speed import SPEEDS
    from sagan.common.devices import choose_device, fastest_convolutions
except ModuleNotFoundError as error:
    needed = ["torch", "torchvision", "numpy", "scipy", "PIL", "pydantic", "yaml", "safetensors"]
    missing = [name for name in (*needed, "tqdm") if find_spec(name) is None] or [error.name]
    raise SystemExit(
        f"benchmarks.gpu needs packages that are missing: {', '.join(missing)}"
    ) from None

SECONDS = {False: 440.0, True: 95.0}  # for all rows, by --quick
CPU_SECONDS, CPU_LIMITS = 270.0, 4.0  # and how many times as long a row may take there
HANGING_SECONDS = 15.0  # of a row that does not let itself be ended
RESULTS = Path(__file__).parent / "results"


class TooLong(BaseException):
    """A row took longer than it may; nothing but `run_row` catches it."""


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


def run_row(check: Check, bench: Bench, left: float) -> Row:
    """Run a check in the seconds that are left; whatever it raises is its result."""
    started, reason, numbers, outcome = time.monotonic(), "", {}, "pass"
    limit = _limit(check, bench)
    try:
        if bench.quick and not check.quick:
            raise NotRun("takes longer than --quick allows")
        if left <= 0:
            raise NotRun("no time is left")
        with _time_limit(min(left, limit)):
            numbers = check.run(bench)
    except NotRun as not_run:
        outcome, reason = "not run", str(not_run)
    except TooLong:
        outcome, reason = "fail", f"took longer than {limit:.0f} s"
        if left < limit:
            outcome, reason = "not run", f"ended after {left:.0f} s, all that were left"
    except Exception as error:
        outcome, reason = "fail", f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return Row(check.name, outcome, reason, numbers, time.monotonic() - started)


def _limit(check: Check, bench: Bench) -> float:
    return check.seconds * (1.0 if bench.on_gpu else CPU_LIMITS)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise `TooLong` in the block after so many seconds."""

    def end(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Table:
    """The rows so far."""

    def __init__(self, bench: Bench, out: Path, seconds: float) -> None:
        """Take the bench, the folder of the JSON file, and the seconds for all rows."""
        self.bench, self.out, self.ends = bench, out, time.monotonic() + seconds
        self.rows: list[Row] = []

    def run(self, check: Check) -> None:
        """Run a check and print its row; end the program where it cannot be ended."""
        left = self.ends - time.monotonic()
        seconds = max(0.0, min(left, _limit(check, self.bench))) + HANGING_SECONDS
        watch = threading.Timer(seconds, self._give_up, [check, seconds])
        watch.daemon = True
        watch.start()
        try:
            self.add(run_row(check, self.bench, left))
        finally:
            watch.cancel()

    def add(self, row: Row) -> None:
        """Print a row and keep it."""
        self.rows.append(row)
        print(row, flush=True)

    def _give_up(self, check: Check, seconds: float) -> None:
        self.add(Row(check.name, "fail", "hangs; the rows after it are not run", {}, seconds))
        os._exit(self.write())

    def write(self) -> int:
        """Write the JSON file and print the JSON line; the exit status."""
        line = summarise(self.rows, self.bench)
        device = str(self.rows[0].numbers.get("name", self.bench.device)).lower()
        name = re.sub(r"[^a-z0-9]+", "-", device).strip("-")
        self.out.mkdir(parents=True, exist_ok=True)
        written = line | {"quick": self.bench.quick, "rows": [row._asdict() for row in self.rows]}
        (self.out / f"gpu-{name}.json").write_text(json.dumps(written, indent=1) + "\n")
        print(json.dumps(line), flush=True)
        return 1 if line["failed"] else 0


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
    seconds = SECONDS[options.quick] if device.type == "cuda" else CPU_SECONDS
    folder = tempfile.TemporaryDirectory(prefix="sagan-gpu-", ignore_cleanup_errors=True)
    with folder as work, fastest_convolutions(device), _one_thread(device):
        table = Table(Bench(device, options.quick, Path(work)), options.out, seconds)
        for check in (*CHECKS, *SPEEDS):
            table.run(check)
    return table.write()


if __name__ == "__main__":
    logging.getLogger("sagan").setLevel(logging.ERROR)  # the table alone
    raise SystemExit(main())
