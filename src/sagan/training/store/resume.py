"""Resuming a run: from its own newest checkpoint, or from another run's.

The other run must have the same parameters, except those that `allow_changed` names.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sagan.common.files import replacing_file
from sagan.common.schema import deep_merge, differences, mark_of
from sagan.training.config import TrainingConfig
from sagan.training.store.checkpoints import CheckpointStore

IDENTITY = "identity.json"
_ALWAYS_ALLOWED = tuple(
    name
    for name, field in TrainingConfig.model_fields.items()
    if (mark := mark_of(field)) and mark.may_change
)


def read_identity(run: Path) -> dict[str, Any] | None:
    """Identity of the run in a folder; None where the folder holds none.

    Raises:
        ValueError: where the record is damaged.
    """
    path = run / IDENTITY
    if not path.is_file():
        return None
    try:
        identity = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        identity = None
    if not isinstance(identity, dict) or not {"parameters", "data"} <= identity.keys():
        raise ValueError(f"{path} is damaged; delete the folder to train from scratch")
    return identity


def write_identity(run: Path, identity: dict[str, Any], name: str | None = None) -> None:
    """Record in a run's folder which run it holds, and what the user calls it.

    Raises:
        ValueError: where it holds another one.
    """
    before = read_identity(run)
    if before is not None and before != identity:
        check_same(before, identity)
    with replacing_file(run / IDENTITY) as temporary:
        named = {"run_name": name} if name else {}
        temporary.write_text(json.dumps(named | identity, indent=2) + "\n")


def load_resume_state(
    config: TrainingConfig, checkpoints: CheckpointStore, runs_dir: Path, identity: dict[str, Any]
) -> dict[str, Any] | None:
    """The state to resume from: the run's own newest, else that of `continue_from`; None: afresh.

    Args:
        config: of the run.
        checkpoints: its own.
        runs_dir: folder of all runs.
        identity: of the run.

    Raises:
        ValueError: where the other run is too different, or has no images left to see.
    """
    saved = checkpoints.load_newest()
    if saved is not None:
        check_same(saved["identity"], identity)
        return saved
    if not config.continue_from:
        return None
    saved = load_other_run(config.continue_from, runs_dir, identity, config.allow_changed)
    if saved["images_seen"] >= config.total_images:
        raise ValueError(
            f"training.continue_from: {config.continue_from} has seen "
            f"{saved['images_seen']:,} images already, total_images is "
            f"{config.total_images:,}; set it higher"
        )
    return saved


def load_other_run(
    name: str, runs_dir: Path, identity: dict[str, Any], allowed: Sequence[str]
) -> dict[str, Any]:
    """The newest state of another run that this one continues.

    Args:
        name: the other run's name in `runs_dir`, or its folder.
        runs_dir: folder of all runs.
        identity: of this run.
        allowed: dotted paths of the training parameters that may differ.

    Raises:
        FileNotFoundError: where there is no such run, or it has no checkpoint.
        ValueError: where architecture, data or classes differ, or a parameter not in `allowed`.
    """
    folder = runs_dir / name if (runs_dir / name).is_dir() else Path(name)
    other = read_identity(folder)
    if other is None:
        known = sorted(path.parent.name for path in runs_dir.glob(f"*/{IDENTITY}"))
        raise FileNotFoundError(
            f"training.continue_from: no run at '{folder}'; runs in {runs_dir}: "
            f"{', '.join(known[:10]) or 'none'}"
        )
    check_same(other, identity, allowed)
    state = CheckpointStore(folder, keep=1).load_newest()
    if state is None:
        raise FileNotFoundError(f"training.continue_from: run '{folder}' has no checkpoint yet")
    return state


def check_same(before: dict[str, Any], now: dict[str, Any], allowed: Sequence[str] = ()) -> None:
    """Refuse to continue a run whose data or parameters differ.

    Raises:
        ValueError: with what differs, before -> now.
    """
    # a parameter that the other run's version did not have was as its default is
    known = TrainingConfig().dump(affecting="weights")
    before = before | {"parameters": deep_merge(known, before["parameters"])}
    changed = [
        *(f"data.{line}" for line in differences(before["data"], now["data"])),
        *differences(before["parameters"], now["parameters"]),
    ]
    fixed = [line for line in changed if line.startswith(("data.", "model."))]
    other = [line for line in changed if line not in fixed and not _is_allowed(line, allowed)]
    if not fixed and not other:
        return
    lines = ["the run to continue from differs from this one:", *fixed, *other]
    if fixed:
        lines.append("architecture, data and classes must stay as they were")
    if other:
        names = ",".join(line.split(":")[0] for line in other)
        lines.append(f"to change parameters on purpose, list them in allow_changed: [{names}]")
    raise ValueError("\n  ".join(lines))


def _is_allowed(line: str, allowed: Sequence[str]) -> bool:
    path = line.split(":", maxsplit=1)[0]
    return any(path == name or path.startswith(f"{name}.") for name in (*_ALWAYS_ALLOWED, *allowed))
