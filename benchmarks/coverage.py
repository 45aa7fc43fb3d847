"""Line and branch coverage of `src` by the tests: `python -m benchmarks.coverage`.

Runs the whole suite under coverage.py, unless `--report` names the JSON report of such a run; words
after `--` go to pytest. Processes that tests start are not counted. Ends with one JSON line.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

COUNTS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


def measure(report: Path, words: list[str]) -> int:
    """Run the tests and write coverage.py's JSON report; pytest's status."""
    command = [sys.executable, "-m", "pytest", "-n", "auto", "--maxprocesses", "4"]
    command += ["--dist", "loadfile", "--no-loadscope-reorder", "-q"]
    command += ["--cov", f"--cov-report=json:{report}", *words]
    return subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False
    ).returncode


def by_package(report: dict) -> dict[str, Counter[str]]:
    """Statements and branches of each package of `sagan`, with those covered."""
    packages: dict[str, Counter[str]] = {}
    for file, found in report["files"].items():
        parts = Path(file).parts
        inside = parts[parts.index("sagan") + 1 :]
        name = inside[0] if len(inside) > 1 else "."
        counts = {key: found["summary"][key] for key in COUNTS}
        packages.setdefault(name, Counter()).update(counts)
    return packages


def shares(counts: Counter[str]) -> tuple[float, float]:
    """Covered lines and branches, in percent."""
    lines = 100 * counts["covered_lines"] / max(counts["num_statements"], 1)
    branches = 100 * counts["covered_branches"] / max(counts["num_branches"], 1)
    return round(lines, 2), round(branches, 2)


def main() -> int:
    """Measure, print a row a package, and the whole as JSON."""
    parser = argparse.ArgumentParser("python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--report", type=Path, help="a JSON report to read instead")
    parser.add_argument("words", nargs="*", help="for pytest, after --")
    arguments = parser.parse_args()
    status = 0
    with tempfile.TemporaryDirectory() as folder:
        report = arguments.report or Path(folder) / "coverage.json"
        if arguments.report is None:
            status = measure(report, arguments.words)
        packages = by_package(json.loads(report.read_text(encoding="utf-8")))
    whole = sum(packages.values(), Counter())
    for name, counts in sorted({**packages, "all": whole}.items()):
        lines, branches = shares(counts)
        print(f"{name:<14} lines {lines:6.2f} %  branches {branches:6.2f} %")
    lines, branches = shares(whole)
    print(json.dumps({"lines_percent": lines, "branches_percent": branches}))
    return status


if __name__ == "__main__":
    sys.exit(main())
