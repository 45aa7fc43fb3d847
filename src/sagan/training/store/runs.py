"""The runs in a workspace: what each takes of the disk, and which are not needed any more.

A run whose parameters, data or code changed is another one, in a folder of its own, and the former
one's stays: it may yet be gone on with. Nothing here is removed unasked.
"""

import json
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from time import time

from sagan.common.files import display_path
from sagan.training.store.resume import IDENTITY

logger = logging.getLogger(__name__)

TOLD_BYTES = 1_000_000_000  # of all runs; less is not worth a line [bytes]
SUMMARY = "summary.json"
_GOING = ".removing"  # the end of a folder's name while it is being removed
_QUIET_SECONDS = 600  # an unfinished run written to more recently may be running


@dataclass(frozen=True)
class Run:
    """A run's folder, as it was found."""

    path: Path
    images_seen: int
    complete: bool
    """It came to its end; else it can be gone on with."""
    used: float
    """When it was last trained, or exported again [s since 1970]."""
    size_bytes: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.path.name


def runs_in(workspace: Path) -> list[Run]:
    """All runs below a workspace, the one used last first."""
    found = [_look_at(path.parent) for path in workspace.glob(f"*/{IDENTITY}")]
    return sorted((run for run in found if run), key=lambda run: (-run.used, run.name))


def _look_at(folder: Path) -> Run | None:
    if folder.name.startswith("."):
        return None
    sizes, times = [0], [0.0]
    for path in folder.rglob("*"):
        try:
            stat = path.stat()
        except FileNotFoundError:  # of a run that is being trained
            continue
        if path.is_file():
            sizes.append(stat.st_size)
            times.append(stat.st_mtime)
    try:
        seen = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))["images_seen"]
    except (OSError, ValueError, KeyError):
        seen = None
    saved = [path.stem.rpartition("-")[2] for path in folder.glob("checkpoint-*.json")]
    newest = max((int(images) for images in saved if images.isdecimal()), default=0)
    return Run(folder, newest if seen is None else seen, seen is not None, max(times), sum(sizes))


def not_needed(runs: Sequence[Run], *, keep: int) -> list[Run]:
    """Complete runs but those used last; an unfinished one is never among them.

    Args:
        runs: as `runs_in` gives them.
        keep: how many of the complete ones to leave.
    """
    return [run for run in runs if run.complete][keep:]


def named(runs: Sequence[Run], names: Sequence[str]) -> list[Run]:
    """The runs of these names, finished or not.

    Raises:
        ValueError: a name that no run has, with the nearest; a run that may be running.
    """
    by_name = {run.name: run for run in runs}
    for name in names:
        if name not in by_name:
            near = get_close_matches(name, list(by_name), n=1, cutoff=0.5)
            known = ", ".join(list(by_name)[:10]) or "none"
            remedy = f"did you mean {near[0]}?" if near else f"there are: {known}"
            raise ValueError(f"no run '{name}'; {remedy}")
        run = by_name[name]
        if not run.complete and time() - run.used < _QUIET_SECONDS:
            raise ValueError(
                f"run {name} is unfinished and was written to {time() - run.used:.0f} s ago, so "
                f"that it may be running; stop it, and try again after {_QUIET_SECONDS // 60} "
                "minutes"
            )
    return [by_name[name] for name in dict.fromkeys(names)]


def remove(run: Run) -> None:
    """Remove a run's folder; one that is half removed is no run, and the next removal ends it."""
    going = run.path.with_name(f".{run.name}{_GOING}")
    if going.exists():
        shutil.rmtree(going)
    run.path.rename(going)
    for folder in run.path.parent.glob(f".*{_GOING}"):
        shutil.rmtree(folder)


def tell_of(workspace: Path) -> None:
    """Say what the runs of a workspace take, where it is worth a thought."""
    runs = runs_in(workspace)
    size = sum(run.size_bytes for run in runs)
    if size >= TOLD_BYTES:
        logger.info("checkpoints of %d runs take %s; to see or remove:", len(runs), gigabytes(size))
        logger.info("  python -m sagan.training prune %s", display_path(workspace))


def gigabytes(size_bytes: int) -> str:
    """A size as people read it."""
    return f"{size_bytes / 1e9:,.2f} GB"
