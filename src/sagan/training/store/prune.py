"""`python -m sagan.training prune RUNS`: see what runs take of the disk, and remove some."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sagan.common.files import display_path
from sagan.common.terminal import Parser
from sagan.training.store.runs import Run, find_runs, format_gigabytes, removable, remove, runs_in

_ROWS = "rows"  # beside a comparison's runs


def main(arguments: Sequence[str]) -> int:
    """List the runs, and with --yes remove; 0, or 1 after one clear message."""
    options = _parser().parse_args(arguments)
    try:
        sys.stdout.write(_prune(options))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m sagan.training prune",
        description="Remove all complete runs except the newest, or the runs named. Without --yes "
        "nothing is removed, only listed.",
    )
    parser.add_argument("runs", type=Path, help="folder of runs: data/06_models/checkpoints")
    parser.add_argument(
        "names", nargs="*", metavar="run", help="remove exactly these runs, complete or not"
    )
    parser.add_argument(
        "--keep",
        type=int,
        default=1,
        metavar="N",
        help="complete runs to keep, the last used ones (default: 1)",
    )
    parser.add_argument("--yes", action="store_true", help="remove, instead of listing only")
    return parser


def _prune(options: argparse.Namespace) -> str:
    """What was done, as a table."""
    if options.keep < 0:
        raise ValueError(f"--keep: expected 0 or more, got {options.keep}")
    if not options.runs.is_dir():
        raise FileNotFoundError(f"{options.runs}: no such folder")
    if (options.runs.absolute().parent / _ROWS).is_dir():
        raise ValueError(
            f"{display_path(options.runs)} has a comparison's runs, and its rows name their "
            "generators; to start the comparison again, delete "
            f"{display_path(options.runs.absolute().parent)}"
        )
    runs = runs_in(options.runs)
    chosen = find_runs(runs, options.names) if options.names else removable(runs, keep=options.keep)
    lines = [_line(run, going=run in chosen) for run in runs]
    for run in chosen if options.yes else []:
        remove(run)
    size = format_gigabytes(sum(run.size_bytes for run in chosen))
    done = "removed" if options.yes else "to remove; --yes removes them"
    lines.append(
        f"{len(chosen)} of {len(runs)} runs in {display_path(options.runs)}, {size} {done}"
    )
    return "".join(f"{line}\n" for line in lines)


def _line(run: Run, *, going: bool) -> str:
    used = datetime.fromtimestamp(run.used).astimezone().strftime("%Y-%m-%d %H:%M")
    state = "complete" if run.complete else "unfinished"
    size = format_gigabytes(run.size_bytes)
    mark = "remove" if going else ""
    line = f"{run.name}  {run.images_seen:>13,} images  {used}  {size:>11}  {state:<10}  {mark}"
    return line.rstrip()
