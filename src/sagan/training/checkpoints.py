"""The checkpoint store: a folder of whole training states, each written atomically.

`checkpoint-<images seen>.pt` is written first, then its `.json` with the checksum. A file without
its `.json` was never finished and is not a checkpoint.
"""

import json
import logging
from pathlib import Path
from typing import Any

import torch

from sagan.files import file_sha256, replacing_file

logger = logging.getLogger(__name__)


class CheckpointError(RuntimeError):
    """Checkpoints are there, but none of them can be used."""


class CheckpointStore:
    """Training states of one run, newest last; keeps the last few."""

    def __init__(self, path: Path, *, keep: int) -> None:
        """Bind to a folder (made at need) and say how many checkpoints to keep."""
        self.path, self._keep = path, keep
        path.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self._finished())

    def save(self, state: dict[str, Any], images_seen: int) -> Path:
        """Write a state, then forget the oldest ones.

        Args:
            state: tensors and plain values only, as `torch.load(weights_only=True)` takes them.
            images_seen: names the checkpoint.
        """
        target = self.path / f"checkpoint-{images_seen:012d}.pt"
        with replacing_file(target) as temporary:
            torch.save(state, temporary)
        facts = {"images_seen": images_seen, "sha256": file_sha256(target)}
        with replacing_file(target.with_suffix(".json")) as temporary:
            temporary.write_text(json.dumps(facts) + "\n")
        for old in self._finished()[: -self._keep]:
            old.with_suffix(".json").unlink()  # first: what has no .json is no checkpoint
            old.unlink()
        return target

    def load_newest(self) -> dict[str, Any] | None:
        """The newest state whose checksum holds; None where there is no checkpoint yet.

        A damaged one is passed over with a warning.

        Raises:
            CheckpointError: where all are damaged, with each one's reason.
        """
        reasons = []
        for path in reversed(self._finished()):
            expected = json.loads(path.with_suffix(".json").read_text())["sha256"]
            if not path.is_file():
                reason = "the file is missing"
            elif file_sha256(path) != expected:
                reason = f"its sha256 is not {expected[:12]}..."
            else:
                state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
                return state
            logger.warning("damaged checkpoint %s passed over: %s", path, reason)
            reasons.append(f"{path.name}: {reason}")
        if reasons:
            raise CheckpointError(
                f"no checkpoint in {self.path} can be used ({'; '.join(reasons)}); "
                "delete the folder to train afresh"
            )
        return None

    def _finished(self) -> list[Path]:
        return sorted(path.with_suffix(".pt") for path in self.path.glob("checkpoint-*.json"))
