"""Whether bfloat16 gives digits as good as float32's: `python -m benchmarks.bf16_quality`.

bf16's gradients differ from fp32's by a tenth; this compares the results. The default run is
trained in both precisions with each of several seeds, and its samples are measured as
`benchmarks.digits_quality` measures them. bf16 passes where its mean is no worse than fp32's by
more than the spread of fp32 between seeds allows (two standard errors of the difference, and at
least half a point: a spread of 0 over three seeds is chance). Ends with one JSON line; status 1 if
bf16 does not pass.

Needs the shards of the default run (`make train`). Six runs of a few minutes each by default.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from pathlib import Path

from benchmarks.counts import positive
from benchmarks.digits_quality import generate, measure, read_real, shards_path

PRECISIONS = ("fp32", "bf16")
SCORES = ("recognised", "diversity_mean", "diversity_min")
LEAST_TOLERANCE = 0.005


def main() -> int:
    """Train, measure, print the table, then the JSON line."""
    parser = argparse.ArgumentParser(prog="benchmarks.bf16_quality", description=__doc__)
    parser.add_argument("--data-root", type=Path, default=Path("data"))
    parser.add_argument(
        "--seeds", type=positive, default=3, help="number of seeds (0, 1, ...) for each precision"
    )
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="runs at once")
    parser.add_argument(
        "--out", type=Path, help="keep the runs in this folder; default: delete them"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="parameter of training"
    )
    options = parser.parse_args()
    store = shards_path(options.data_root / "05_model_input" / "image_shards.json")
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        runs = [(precision, seed) for seed in range(options.seeds) for precision in PRECISIONS]
        with ThreadPoolExecutor(options.jobs) as pool:
            bundles = list(pool.map(lambda run: train(store, out, *run, options.set), runs))
        real = read_real(options.data_root / "05_model_input" / "image_shards.json")
        results = {
            run: measure(*generate(bundle, per_class=100, seed=0), *real)
            for run, bundle in zip(runs, bundles, strict=True)
        }
    print(table(results))
    summary = summarise(results)
    print(json.dumps(summary))
    return 0 if summary["as_good"] else 1


def train(store: Path, out: Path, precision: str, seed: int, changes: list[str]) -> Path:
    """Train the default run in one precision with one seed; the bundle's folder."""
    command = [sys.executable, "-m", "sagan", "train", str(store), "--out", str(out)]
    command += ["--config", "conf/base/parameters_training.yml"]
    for change in (f"precision={precision}", f"seed={seed}", "tensorboard=false", *changes):
        command += ["--set", change]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Path(json.loads(done.stdout.splitlines()[-1])["generator_bundle"])


def table(results: dict[tuple[str, int], dict]) -> str:
    """A line a run."""
    lines = [f"{'precision':>9} {'seed':>4}" + "".join(f"{score:>16}" for score in SCORES)]
    for (precision, seed), result in sorted(results.items(), reverse=True):
        lines.append(
            f"{precision:>9} {seed:>4}" + "".join(f"{result[score]:>16.4f}" for score in SCORES)
        )
    return "\n".join(lines)


def summarise(results: dict[tuple[str, int], dict]) -> dict[str, object]:
    """Means of both precisions, and whether bf16 is as good as fp32."""
    summary: dict[str, object] = {"seeds": len(results) // len(PRECISIONS)}
    as_good = True
    for score in SCORES:
        values = {
            precision: [result[score] for (p, _), result in results.items() if p == precision]
            for precision in PRECISIONS
        }
        means = {precision: statistics.mean(seen) for precision, seen in values.items()}
        tolerance = max(LEAST_TOLERANCE, 2 * standard_error(list(values.values())))
        as_good &= means["bf16"] >= means["fp32"] - tolerance
        summary |= {f"{score}_{p}": round(mean, 4) for p, mean in means.items()}
        summary[f"{score}_tolerance"] = round(tolerance, 4)
    return summary | {"as_good": as_good}


def standard_error(groups: list[list[float]]) -> float:
    """Of the difference between the means of two groups; 0 for groups of one."""
    return sqrt(sum(statistics.variance(g) / len(g) for g in groups if len(g) > 1))


if __name__ == "__main__":
    raise SystemExit(main())
