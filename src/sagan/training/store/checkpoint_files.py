"""Checkpoint files: a `.pt` with the state, and a `.json` that marks it as finished.

The `.pt` is written first. Reading verifies the checksum and loads from the same open file, runs no
code in it, and holds a lock that keeps the writer from deleting the file.
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
_OPTIMIZER = "_optimizer"  # `<network>_optimizer` belongs to `<network>` in a training state


class DamagedError(Exception):
    """A checkpoint cannot be used; the message is the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """A finished checkpoint, as described by its .json."""

    path: Path
    images_seen: int
    number: float | None = None  # increases with each save of a run
    checksums: tuple[str, ...] = ()  # two while the file is being replaced
    size_bytes: float | None = None
    score: float | None = None
    scored_by: str | None = None  # metric and protocol, without which scores cannot be compared
    fault: str | None = None  # of the .json


def state_bytes(state: dict[str, Any]) -> int:
    """Upper estimate of a state's file size [bytes].

    An optimiser without a step has no moments yet; Adam will add two per weight.
    """
    moments = sum(
        2 * _tensor_bytes(state.get(name.removesuffix(_OPTIMIZER)))
        for name, part in state.items()
        if name.endswith(_OPTIMIZER) and not part.get("state")
    )
    return _tensor_bytes(state) + moments + _FILE_OVERHEAD_BYTES


def _tensor_bytes(value: object) -> int:
    if isinstance(value, Tensor):
        return value.untyped_storage().nbytes() + _TENSOR_OVERHEAD_BYTES
    if isinstance(value, dict):
        return sum(map(_tensor_bytes, value.values()))
    return sum(map(_tensor_bytes, value)) if isinstance(value, list | tuple) else 0


def write_checkpoint(path: Path, state: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write a state, then its facts with checksum and size.

    An existing checkpoint stays valid until it is replaced.
    """
    with replacing_file(path, needed_bytes=state_bytes(state)) as temporary:
        written = _write_state(temporary, state)
        if facts_path(path).exists() and not describe(path).fault:
            # while a checkpoint is replaced, its .json accepts both files
            existing = json.loads(facts_path(path).read_bytes())
            _write_facts(path, existing | {"next_sha256": written["sha256"]})
    _write_facts(path, facts | written)


def _write_state(path: Path, state: dict[str, Any]) -> dict[str, Any]:
    """Write and hash in one pass; returns checksum and size."""
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
    """Add facts to a finished checkpoint."""
    _write_facts(path, json.loads(facts_path(path).read_bytes()) | facts)


def facts_path(path: Path) -> Path:
    """Path of the .json of a .pt."""
    return path.with_suffix(".json")


def describe(path: Path) -> Checkpoint:
    """Read the .json of a .pt; its `fault` is set if it is invalid."""
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
    """The value if it is a finite number, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def verify(checkpoint: Checkpoint) -> None:
    """Compare a file with its checksum.

    Raises:
        DamagedError: if they differ, or the file cannot be read.
    """
    with _open_locked(checkpoint) as file:
        _verify_checksum(checkpoint, file)


def load(checkpoint: Checkpoint) -> dict[str, Any]:
    """Verify a file and load it, on the CPU.

    Raises:
        DamagedError: if the checksum differs, or torch cannot load it.
    """
    with _open_locked(checkpoint) as file:
        _verify_checksum(checkpoint, file)
        file.seek(0)
        return _unpickle(file, "cpu")


def verify_written(checkpoint: Checkpoint) -> None:
    """Check that a file just written is complete and loads, without reading its tensors.

    Raises:
        DamagedError: if it is not.
    """
    with _open_locked(checkpoint) as file:
        size = os.fstat(file.fileno()).st_size
        if size != checkpoint.size_bytes:
            raise DamagedError(f"it has {size:,} of {checkpoint.size_bytes:,} bytes")
        _unpickle(file, "meta")


def _verify_checksum(checkpoint: Checkpoint, file: BufferedReader) -> None:
    if hashlib.file_digest(file, "sha256").hexdigest() in checkpoint.checksums:
        return
    reason = f"its sha256 is not {''.join(checkpoint.checksums)[:12]}..."
    size = os.fstat(file.fileno()).st_size
    if checkpoint.size_bytes not in (None, size):
        reason += f", it has {size:,} of {checkpoint.size_bytes:,} bytes"
    raise DamagedError(reason)


def _unpickle(file: BufferedReader, device: str) -> dict[str, Any]:
    """Load with torch, without running code; on "meta" without the tensors' content."""
    try:
        state = torch.load(file, map_location=device, weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # zip, pickle and torch raise many kinds
        # torch's reason, without its advice to load the file with weights_only=False
        reason = str(error).rpartition("WeightsUnpickler error:")[2].strip().partition("\n")[0]
        reason = f"{type(error).__name__}: {reason.partition('. ')[0]}"
        raise DamagedError(f"torch.load(weights_only=True) refuses it ({reason})") from error
    if not isinstance(state, dict):
        raise DamagedError(f"expected a dict in it, got {type(state).__name__}")
    return state


@contextmanager
def _open_locked(checkpoint: Checkpoint) -> Iterator[BufferedReader]:
    """Open the .pt with a shared lock, so that the writer does not delete it."""
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
    """Whether the lock is free; always true on a file system without locks."""
    try:
        fcntl.flock(file, kind)
    except OSError as error:
        return not isinstance(error, BlockingIOError)
    return True


def remove(path: Path) -> None:
    """Delete a checkpoint, unless it is being read: then the next save will."""
    facts = facts_path(path)
    try:
        if not path.exists():
            facts.unlink()
            return
        with path.open("rb") as file:
            if not _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                logger.info("%s is being read and stays until the next save", path)
                return
            facts.unlink()  # first, since a .pt without .json is not a checkpoint
            path.unlink()
    except OSError as error:
        logger.warning("old checkpoint %s cannot be removed: %s", path, error)
