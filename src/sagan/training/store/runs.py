"""The runs of a workspace: their disk usage, and the removal of runs that are not needed.

A run whose parameters, data or code change gets a new folder; the old one stays, since that run
may be continued.
"""

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sagan.common.files import display_path
from sagan.training.store.resume import IDENTITY, read_identity

logger = logging.getLogger(__name__)

LOGGED_BYTES = 1_000_000_000  # disk usage of all runs below which nothing is logged
SUMMARY = "summary.json"
_REMOVING = ".removing"  # suffix of a folder that is being removed


@dataclass(frozen=True)
class Run:
    """A run's folder and its state."""

    path: Path
    images_seen: int
    complete: bool
    """Whether it has finished; otherwise it can be resumed."""
    used: float
    """Time of the last modification [s since 1970]."""
    size_bytes: int
    title: str = ""
    """`training.run_name`; empty: none was given."""

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name


def runs_in(workspace: Path) -> list[Run]:
    """All runs of a workspace, the last modified first."""
    found = [_read_run(path.parent) for path in workspace.glob(f"*/{IDENTITY}")]
    return sorted((run for run in found if run), key=lambda run: (-run.used, run.name))


def log_other_precision(workspace: Path, identity: dict[str, Any]) -> None:
    """Log which earlier runs differ from a new one in precision alone.

    `precision: auto` means another one on another kind of device, and so another run.

    Args:
        workspace: folder of all runs.
        identity: of the new run.
    """

    def but_precision(one: dict[str, Any]) -> dict[str, Any]:
        parameters = {k: v for k, v in one["parameters"].items() if k != "precision"}
        return {k: v for k, v in one.items() if k != "run_name"} | {"parameters": parameters}

    for run in runs_in(workspace):
        if not run.images_seen:
            continue
        try:
            other = read_identity(run.path)
        except ValueError:  # damaged, which resuming that run reports
            continue
        if other is not None and but_precision(other) == but_precision(identity):
            logger.warning(
                "run %s, %s at %s images, differs in its precision alone; training.precision=%s %s",
                run.name,
                "complete" if run.complete else "unfinished",
                f"{run.images_seen:,}",
                other["parameters"]["precision"],
                "exports it again" if run.complete else "continues it",
            )


def _read_run(folder: Path) -> Run | None:
    if folder.name.startswith("."):
        return None
    sizes, times = [0], [0.0]
    for path in folder.rglob("*"):
        try:
            stat = path.stat()
        except FileNotFoundError:  # removed by a running training
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
    images, complete = (newest, False) if seen is None else (seen, True)
    return Run(folder, images, complete, max(times), sum(sizes), _title(folder))


def _title(folder: Path) -> str:
    try:
        identity = json.loads((folder / IDENTITY).read_text(encoding="utf-8"))
        return str(identity.get("run_name", ""))
    except (OSError, ValueError):  # removed meanwhile, or damaged, which resuming reports
        return ""


def remove(run: Run) -> None:
    """Remove a run's folder; an interrupted removal is completed by the next one."""
    removing = run.path.with_name(f".{run.name}{_REMOVING}")
    if removing.exists():
        shutil.rmtree(removing)
    run.path.rename(removing)
    for folder in run.path.parent.glob(f".*{_REMOVING}"):
        shutil.rmtree(folder)


def log_disk_usage(workspace: Path) -> None:
    """Log the disk usage of a workspace's runs if it is large."""
    runs = runs_in(workspace)
    size = sum(run.size_bytes for run in runs)
    if size >= LOGGED_BYTES:
        logger.info(
            "checkpoints of %d runs take %s; to see or remove:", len(runs), format_size(size)
        )
        logger.info("  sagan train prune %s", display_path(workspace))


def format_size(size_bytes: int) -> str:
    """A size in GB, or in MB below a tenth of one."""
    return f"{size_bytes / 1e9:,.2f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.1f} MB"
