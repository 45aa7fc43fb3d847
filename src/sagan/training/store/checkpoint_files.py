"""Checkpoint files: a `.pt` with the state, and a `.json` that marks it as finished.

The `.pt` is written first. Reading verifies the checksum, loads from the same open file and runs no
code in it.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import torch
from pydantic import BaseModel, FiniteFloat, ValidationError
from torch import Tensor

from sagan.common.files import HashingWriter, file_sha256, replacing_file

_TENSOR_OVERHEAD_BYTES = 400  # name, header, padding and index entry of one tensor in the file
_FILE_OVERHEAD_BYTES = 2**15
_OPTIMIZER = "_optimizer"  # `<network>_optimizer` belongs to `<network>` in a training state


class DamagedError(Exception):
    """A checkpoint cannot be used; the message is the reason."""


class Facts(BaseModel):
    """What the .json says of a .pt."""

    images_seen: int
    number: int
    """Increases with each save of a run."""
    sha256: str
    bytes: int
    score: FiniteFloat | None = None
    """Lower is better."""
    scored_by: str | None = None
    """Metric and protocol, without which scores cannot be compared."""


@dataclass(frozen=True)
class Checkpoint:
    """A finished checkpoint."""

    path: Path
    facts: Facts | None
    """None: the .json is damaged."""

    @property
    def is_complete(self) -> bool:
        """Whether the .json is sound and the .pt has the size that it says."""
        return (
            self.facts is not None
            and self.path.is_file()
            and self.path.stat().st_size == self.facts.bytes
        )

    def is_sound(self) -> bool:
        """Whether it is complete and the .pt has the checksum that the .json says."""
        return (
            self.is_complete
            and self.facts is not None
            and file_sha256(self.path) == self.facts.sha256
        )


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
    """Write a state, then its facts with checksum and size."""
    with replacing_file(path, needed_bytes=state_bytes(state)) as temporary:
        written = _write_state(temporary, state)
        # a damaged checkpoint of this name is unfinished from now on
        facts_path(path).unlink(missing_ok=True)
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
    """A finished checkpoint, by the path of its .pt."""
    try:
        return Checkpoint(path, Facts.model_validate_json(facts_path(path).read_bytes()))
    except (OSError, ValidationError):
        return Checkpoint(path, None)


def load(checkpoint: Checkpoint) -> dict[str, Any]:
    """Verify a file and load it, on the CPU.

    Raises:
        DamagedError: if the checksum differs, or torch cannot load it.
    """
    if checkpoint.facts is None:
        raise DamagedError("its .json cannot be used")
    try:
        with checkpoint.path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != checkpoint.facts.sha256:
                size = os.fstat(file.fileno()).st_size
                raise DamagedError(
                    f"its sha256 is not {checkpoint.facts.sha256[:12]}..., it has {size:,} of "
                    f"{checkpoint.facts.bytes:,} bytes"
                )
            file.seek(0)
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (DamagedError, MemoryError):
        raise
    except OSError as error:
        raise DamagedError(f"it cannot be read ({error.strerror or error})") from error
    except Exception as error:  # zip, pickle and torch raise many kinds
        kind = type(error).__name__
        raise DamagedError(f"torch.load(weights_only=True) refuses it ({kind})") from error
    return state
