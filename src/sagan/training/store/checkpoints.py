"""The checkpoint store: saving, retention and selection of training states.

`checkpoint-<images seen>.pt` is written first, then its `.json` with the checksum. A `.pt` without
`.json` is unfinished and not a checkpoint. One process writes; others may read at the same time.
"""

import errno
import logging
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sagan.common.files import remove_orphans, require_space
from sagan.common.schema import ClearError
from sagan.training.store.checkpoint_files import (
    Checkpoint,
    DamagedError,
    add_facts,
    describe,
    facts_path,
    load,
    state_bytes,
    write_checkpoint,
)

logger = logging.getLogger(__name__)

_REMEDY = (
    "free some space (sagan train prune), lower training.keep_checkpoints, or choose another folder"
)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CheckpointError(ClearError, RuntimeError):
    """Checkpoints exist, but none of them can be used."""


class CheckpointStore:
    """Training states of one run; keeps the newest few and the one with the best score."""

    def __init__(self, path: Path, *, keep: int, scored_by: str | None = None) -> None:
        """Bind to a folder.

        Args:
            path: the folder, created if missing.
            keep: how many of the newest checkpoints to keep.
            scored_by: metric and protocol of new scores; checkpoints scored under others are never
                the best. None: all scores are comparable.
        """
        self.path, self._keep, self._scored_by = path, keep, scored_by
        path.mkdir(parents=True, exist_ok=True)

    def path_of(self, images_seen: int) -> Path:
        """Path of a checkpoint, which need not exist."""
        return self.path / f"checkpoint-{images_seen:012d}.pt"

    def needed_bytes(self, state: dict[str, Any], *, scored: bool = True) -> int:
        """Disk space that the run still needs: for the newest, the best and one being written.

        Args:
            state: as for `save`; its optimisers need not have made a step.
            scored: whether checkpoints will have scores, so that the best is kept too.
        """
        one = state_bytes(state)
        existing = sum(path.stat().st_size for path in self._files(".pt"))
        return max(one, (self._keep + scored + 1) * one - existing)

    def require_space(self, needed_bytes: int) -> None:
        """Remove unfinished files, then check that the folder is writable and has enough space.

        For the writing process, before its first step.

        Raises:
            OSError: ENOSPC if there is too little space; the system's error if not writable.
        """
        self.clean()
        require_space(self.path, needed_bytes, remedy=_REMEDY)

    def clean(self) -> None:
        """Remove temporary files and unfinished checkpoints of a crash; for the writing process."""
        remove_orphans(self.path)
        for path in self._files(".pt"):
            if not facts_path(path).exists():
                logger.info("%s is incomplete and is removed", path)
                path.unlink()

    def save(self, state: dict[str, Any], images_seen: int) -> Path:
        """Save a checkpoint, then delete all but the newest few and the best.

        Args:
            state: tensors and plain values only, as `torch.load(weights_only=True)` requires.
            images_seen: names the checkpoint.

        Raises:
            OSError: if the disk is full, the file too large, or writing fails otherwise; existing
                checkpoints are untouched then, and no temporary file remains.
        """
        self.clean()
        target = self.path_of(images_seen)
        number = 1 + max((c.facts.number for c in self._newest_first() if c.facts), default=0)
        try:
            write_checkpoint(target, state, {"images_seen": images_seen, "number": number})
        except OSError as error:
            self.clean()
            remedy = f"; {_REMEDY}" if error.errno in _NO_SPACE else ""
            raise OSError(error.errno, f"{error.strerror}{remedy}", error.filename) from error
        self._delete_old()
        return target

    def rate(self, path: Path, score: float) -> None:
        """Add a score to a saved checkpoint: lower is better; NaN and infinity are left out."""
        if math.isfinite(score):
            add_facts(path, {"score": score, "scored_by": self._scored_by})
        else:
            logger.warning("%s has the score %s, which is never chosen as best", path.name, score)

    def best(self) -> Path | None:
        """The sound checkpoint with the lowest score; None if none has a score."""
        return next((c.path for c in self._best_first() if c.is_sound()), None)

    def newest(self) -> Path | None:
        """The sound checkpoint that was saved last; None if there is none."""
        return next((c.path for c in self._newest_first() if c.is_sound()), None)

    def load_newest(self) -> dict[str, Any] | None:
        """The newest sound state; None if there is no checkpoint yet.

        Damaged checkpoints are skipped with a warning.

        Raises:
            CheckpointError: if all are damaged, with their reasons.
        """
        return self._load_first(self._newest_first)

    def load_best(self) -> dict[str, Any] | None:
        """The sound state with the lowest score, as `load_newest`; None if none has a score."""
        return self._load_first(self._best_first)

    def _load_first(self, candidates: Callable[[], list[Checkpoint]]) -> dict[str, Any] | None:
        """The state of the first sound candidate."""
        reasons = []
        for checkpoint in candidates():
            try:
                return load(checkpoint)
            except DamagedError as error:
                if not facts_path(checkpoint.path).exists():  # the writer has deleted it meanwhile
                    return self._load_first(candidates)
                logger.warning("damaged checkpoint %s skipped: %s", checkpoint.path, error)
                reasons.append(f"{checkpoint.path.name}: {error}")
        if reasons:
            raise CheckpointError(
                f"no checkpoint in {self.path} can be used ({'; '.join(reasons)}); "
                "delete the folder to train from scratch"
            )
        return None

    def _delete_old(self) -> None:
        """Delete all but the newest and the best; of the wrong size, a file is none of these."""
        kept = [checkpoint for checkpoint in self._newest_first() if checkpoint.is_complete]
        kept = kept[: self._keep] + [c for c in self._best_first() if c.is_complete][:1]
        for checkpoint in self._newest_first():
            if checkpoint not in kept:
                try:  # the .json first, since a .pt without it is not a checkpoint
                    facts_path(checkpoint.path).unlink()
                    checkpoint.path.unlink(missing_ok=True)
                except OSError as error:
                    logger.warning(
                        "old checkpoint %s cannot be removed: %s", checkpoint.path, error
                    )

    def _newest_first(self) -> list[Checkpoint]:
        """All finished checkpoints, the last saved first; before them those of damaged .json."""
        found = [describe(path.with_suffix(".pt")) for path in self._files(".json")]
        return sorted(found, key=lambda c: c.facts.number if c.facts else math.inf, reverse=True)

    def _best_first(self) -> list[Checkpoint]:
        """The checkpoints whose scores can be compared, the lowest score first."""
        comparable = (None, self._scored_by)
        scored = [
            (checkpoint.facts.score, checkpoint)
            for checkpoint in self._newest_first()
            if checkpoint.facts is not None
            and checkpoint.facts.score is not None
            and (self._scored_by is None or checkpoint.facts.scored_by in comparable)
        ]
        return [checkpoint for _, checkpoint in sorted(scored, key=lambda pair: pair[0])]

    def _files(self, suffix: str) -> list[Path]:
        """The folder's files with a checkpoint's name and this suffix."""
        paths = self.path.glob(f"checkpoint-*{suffix}")
        return [path for path in paths if path.stem.removeprefix("checkpoint-").isdecimal()]
