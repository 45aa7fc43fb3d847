"""One checkpoint's two files: the `.pt` with the state, and the `.json` that says it is finished.

The `.pt` is in place first. Reading checks the checksum and loads from the same open file, runs no
code that a file may hold, and keeps the writer from removing the file meanwhile.
"""

import fcntl
import hashlib
import json
import logging
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, cast

import torch
from torch import Tensor

from sagan.common.files import HashingWriter, replacing_file

logger = logging.getLogger(__name__)

_TENSOR_OVERHEAD_BYTES = 400  # name, header, padding and index entry of one tensor in the file
_FILE_OVERHEAD_BYTES = 2**15
_OPTIMIZER = "_optimizer"  # `<network>_optimizer` stands beside `<network>` in a training state


class DamagedError(Exception):
    """Why one checkpoint cannot be used."""


@dataclass(frozen=True)
class Checkpoint:
    """A finished checkpoint, as its .json describes it."""

    path: Path
    images_seen: int
    number: float | None = None  # rises with each save of a run
    checksums: tuple[str, ...] = ()  # two while one file takes another's place
    size_bytes: float | None = None
    score: float | None = None
    scored_by: str | None = None  # metric and protocol: scores under others cannot be compared
    fault: str | None = None  # of the .json


def state_bytes(state: dict[str, Any]) -> int:
    """How large a state's file will be, a little more rather than less [bytes].

    An optimiser that has made no step has no moments yet; two for each weight will come (Adam).
    """
    to_come = sum(
        2 * _tensor_bytes(state.get(name.removesuffix(_OPTIMIZER)))
        for name, part in state.items()
        if name.endswith(_OPTIMIZER) and not part.get("state")
    )
    return _tensor_bytes(state) + to_come + _FILE_OVERHEAD_BYTES


def _tensor_bytes(value: object) -> int:
    if isinstance(value, Tensor):
        return value.untyped_storage().nbytes() + _TENSOR_OVERHEAD_BYTES
    if isinstance(value, dict):
        return sum(map(_tensor_bytes, value.values()))
    return sum(map(_tensor_bytes, value)) if isinstance(value, list | tuple) else 0


def write_checkpoint(path: Path, state: dict[str, Any], facts: dict[str, Any]) -> None:
    """Put a state and then its facts in place; at no moment is a finished one lost.

    Args:
        path: the .pt.
        state: tensors and plain values.
        facts: for the .json, to which checksum and size are added.
    """
    with replacing_file(path, needed_bytes=state_bytes(state)) as temporary:
        written = _write_state(temporary, state)
        if facts_path(path).exists() and not describe(path).fault:
            # a finished checkpoint of this name: its .json takes either file until the new one's
            # own is there
            standing = json.loads(facts_path(path).read_bytes())
            _write_facts(path, standing | {"next_sha256": written["sha256"]})
    _write_facts(path, facts | written)


def _write_state(path: Path, state: dict[str, Any]) -> dict[str, Any]:
    """Write and hash in one pass."""
    with path.open("wb") as file:
        writer = HashingWriter(file)
        try:
            torch.save(state, cast(IO[bytes], writer))
        except RuntimeError as error:
            raise writer.error or error from error
    return {"sha256": writer.sha256(), "bytes": writer.size_bytes}


def _write_facts(path: Path, facts: dict[str, Any]) -> None:
    with replacing_file(facts_path(path)) as temporary:
        temporary.write_text(json.dumps(facts) + "\n")


def add_facts(path: Path, facts: dict[str, Any]) -> None:
    """Say more of a finished checkpoint."""
    _write_facts(path, json.loads(facts_path(path).read_bytes()) | facts)


def facts_path(path: Path) -> Path:
    """The .json beside a .pt."""
    return path.with_suffix(".json")


def describe(path: Path) -> Checkpoint:
    """What the .json beside a .pt says, or what is wrong with it."""
    digits = path.stem.removeprefix("checkpoint-")
    images_seen = int(digits) if digits.isdecimal() else 0
    try:
        facts = json.loads(facts_path(path).read_bytes())
        if not isinstance(facts, dict):
            raise ValueError(f"expected an object, got {type(facts).__name__}")
        checksums = (facts.get("sha256"), facts.get("next_sha256", ""))
        if not all(isinstance(checksum, str) for checksum in checksums):
            raise ValueError(f"expected its sha256 as text, got {checksums[0]!r}")
    except (OSError, ValueError, RecursionError) as error:
        fault = f"its .json cannot be used ({error})"
        return Checkpoint(path, images_seen, fault=fault)
    scored_by = facts.get("scored_by")
    return Checkpoint(
        path,
        images_seen,
        number=_finite(facts.get("number")),
        checksums=tuple(filter(None, checksums)),
        size_bytes=_finite(facts.get("bytes")),
        score=_finite(facts.get("score")),
        scored_by=scored_by if isinstance(scored_by, str) else None,
    )


def _finite(value: object) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def check(checkpoint: Checkpoint) -> None:
    """See to it that a file is the one that was saved.

    Raises:
        DamagedError: where it is not.
    """
    with _reading(checkpoint) as file:
        _check_sum(checkpoint, file)


def load(checkpoint: Checkpoint) -> dict[str, Any]:
    """Check a file and load it, on the CPU.

    Raises:
        DamagedError: where it is not the one that was saved, or torch refuses it.
    """
    with _reading(checkpoint) as file:
        _check_sum(checkpoint, file)
        file.seek(0)
        return _unpickle(file, "cpu")


def check_written(checkpoint: Checkpoint) -> None:
    """See to it that what was just written is whole and loads; no tensor is read for it.

    Raises:
        DamagedError: where it is not.
    """
    with _reading(checkpoint) as file:
        size = os.fstat(file.fileno()).st_size
        if size != checkpoint.size_bytes:
            raise DamagedError(f"it has {size:,} of {checkpoint.size_bytes:,} bytes")
        _unpickle(file, "meta")


def _check_sum(checkpoint: Checkpoint, file: BufferedReader) -> None:
    if hashlib.file_digest(file, "sha256").hexdigest() in checkpoint.checksums:
        return
    reason = f"its sha256 is not {''.join(checkpoint.checksums)[:12]}..."
    size = os.fstat(file.fileno()).st_size
    if checkpoint.size_bytes not in (None, size):
        reason += f", it has {size:,} of {checkpoint.size_bytes:,} bytes"
    raise DamagedError(reason)


def _unpickle(file: BufferedReader, device: str) -> dict[str, Any]:
    """What torch reads without running any code; on "meta" without the tensors' content."""
    try:
        state = torch.load(file, map_location=device, weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # zip, pickle and torch each have their own
        # torch's own reason, without its advice to load the file all the same
        reason = str(error).rpartition("WeightsUnpickler error:")[2].strip().partition("\n")[0]
        reason = f"{type(error).__name__}: {reason.partition('. ')[0]}"
        raise DamagedError(f"torch.load(weights_only=True) refuses it ({reason})") from error
    if not isinstance(state, dict):
        raise DamagedError(f"expected a dict in it, got {type(state).__name__}")
    return state


@contextmanager
def _reading(checkpoint: Checkpoint) -> Iterator[BufferedReader]:
    """The .pt, which the writer does not remove while it is open here."""
    if checkpoint.fault:
        raise DamagedError(checkpoint.fault)
    try:
        with checkpoint.path.open("rb") as file:
            _lock(file, fcntl.LOCK_SH)
            yield file
    except FileNotFoundError as error:
        raise DamagedError("the file is missing") from error
    except OSError as error:
        raise DamagedError(f"it cannot be read ({error.strerror or error})") from error


def _lock(file: BufferedReader, kind: int) -> bool:
    """Whether nobody else's lock is in the way; a file system without locks has none."""
    try:
        fcntl.flock(file, kind)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    return True


def remove(path: Path) -> None:
    """Remove a checkpoint, unless somebody reads it: then the next save will."""
    facts = facts_path(path)
    try:
        if not path.exists():
            facts.unlink()
            return
        with path.open("rb") as file:
            if not _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                logger.info("%s is being read and stays until the next save", path)
                return
            facts.unlink()  # first: what has no .json is no checkpoint
            path.unlink()
    except OSError as error:
        logger.warning("old checkpoint %s cannot be removed: %s", path, error)
