"""`sagan train prune`: what training runs take of the disk, and their removal."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sagan.commands.group import Command, path_argument
from sagan.common.files import display_path
from sagan.common.text import visible

if TYPE_CHECKING:
    from sagan.training.store.runs import Run

_ROWS = "rows"  # beside a comparison's runs


@click.command(cls=Command)
@path_argument("runs")
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Complete runs to keep, the last used ones.",
)
@click.option("--yes", is_flag=True, help="Remove, instead of listing only.")
def prune(*, runs: Path, keep: int, yes: bool) -> None:
    """List the training runs in the folder RUNS, and remove old ones.

    All complete runs except the newest are removed; without --yes nothing is. An unfinished run,
    which may be running, is for you to remove.
    """
    from sagan.training.store.runs import format_size, remove, runs_in

    if not runs.is_dir():
        raise FileNotFoundError(f"{runs}: no such folder")
    if (runs.absolute().parent / _ROWS).is_dir():
        raise ValueError(
            f"{display_path(runs)} has a comparison's runs, and its rows name their generators; "
            f"to start the comparison again, delete {display_path(runs.absolute().parent)}"
        )
    found = runs_in(runs)
    if not found:
        raise ValueError(
            f"no training run in {display_path(runs)}; expected a folder of runs, such as "
            "data/06_models/checkpoints"
        )
    chosen = [run for run in found if run.complete][keep:]
    lines = [_line(run, going=run in chosen) for run in found]
    for run in chosen if yes else []:
        remove(run)
    size = format_size(sum(run.size_bytes for run in chosen))
    done = "removed" if yes else "to remove; --yes removes them"
    lines.append(f"{len(chosen)} of {len(found)} runs in {display_path(runs)}, {size} {done}")
    click.echo("\n".join(lines))


def _line(run: Run, *, going: bool) -> str:
    from sagan.training.store.runs import format_size

    used = datetime.fromtimestamp(run.used).astimezone().strftime("%Y-%m-%d %H:%M")
    state = "complete" if run.complete else "unfinished"
    size = format_size(run.size_bytes)
    mark = "remove" if going else ""
    line = f"{run.name}  {run.images_seen:>13,} images  {used}  {size:>11}  {state:<10}  {mark:<6}"
    return f"{line}  {visible(run.title)}".rstrip()
