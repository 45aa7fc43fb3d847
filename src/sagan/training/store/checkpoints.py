"""The checkpoint store: a folder of whole training states, each written atomically.

`checkpoint-<images seen>.pt` is written first, then its `.json` with the checksum. A file without
its `.json` was never finished and is not a checkpoint. One process writes; any may read meanwhile.
"""

import errno
import logging
import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from sagan.common.files import remove_orphans, require_space
from sagan.common.schema import ClearError
from sagan.training.store.checkpoint_files import (
    Checkpoint,
    DamagedError,
    add_facts,
    check,
    check_written,
    describe,
    facts_path,
    load,
    remove,
    state_bytes,
    write_checkpoint,
)

logger = logging.getLogger(__name__)

_REMEDY = (
    "free some space (sagan train prune), lower training.keep_checkpoints, or choose another folder"
)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class CheckpointError(ClearError, RuntimeError):
    """Checkpoints are there, but none of them can be used."""


class CheckpointStore:
    """Training states of one run; keeps the last few and the one with the best score."""

    def __init__(self, path: Path, *, keep: int, scored_by: str | None = None) -> None:
        """Bind to a folder.

        Args:
            path: the folder, made at need.
            keep: how many of the newest checkpoints to keep.
            scored_by: metric and protocol of the scores from now on; one under another metric or
                protocol is never the best. None: all scores are of one kind.
        """
        self.path, self._keep, self._scored_by = path, keep, scored_by
        self._verdicts: dict[Checkpoint, tuple[object, str | None]] = {}  # file's stamp, fault
        path.mkdir(parents=True, exist_ok=True)

    def __len__(self) -> int:
        return len(self._named(".json"))

    def path_of(self, images_seen: int) -> Path:
        """The file of a checkpoint, whether it is there or not."""
        return self.path / f"checkpoint-{images_seen:012d}.pt"

    def needed_bytes(self, state: dict[str, Any], *, scored: bool = True) -> int:
        """Room that the run will still take: the newest, the best and the one being written.

        Args:
            state: as `save` takes it; its optimisers need not have made a step.
            scored: whether checkpoints will have scores, so that a best one is kept as well.
        """
        one = state_bytes(state)
        standing = sum(path.stat().st_size for path in self._named(".pt"))
        return max(one, (self._keep + scored + 1) * one - standing)

    def require_space(self, needed_bytes: int) -> None:
        """Remove what a crash left, then see to it that the folder is writable and has room.

        For the one process that writes here, before its first step.

        Raises:
            OSError: ENOSPC where there is less room; what the system says where it is not writable.
        """
        self.clean()
        require_space(self.path, needed_bytes, remedy=_REMEDY)

    def clean(self) -> None:
        """Remove what a crash left: temporary files and unfinished checkpoints.

        For the one process that writes here, while it does not.
        """
        remove_orphans(self.path)
        for path in self._named(".pt"):
            if not facts_path(path).exists():
                logger.info("%s is incomplete and is removed", path)
                path.unlink()

    def save(self, state: dict[str, Any], images_seen: int, *, score: float | None = None) -> Path:
        """Write a state, then forget those that are neither among the last nor the best.

        Args:
            state: tensors and plain values only, as `torch.load(weights_only=True)` takes them.
            images_seen: names the checkpoint.
            score: lower is better; NaN and infinity never become the best.

        Raises:
            OSError: where the disk is full, the file too large, or writing fails otherwise; the
                checkpoints before are untouched then, and no temporary file stays.
        """
        self.clean()
        target = self.path_of(images_seen)
        number = 1 + max((c.number or 0 for c in self._newest_first()), default=0)
        facts = {"images_seen": images_seen, "number": number} | self._rating(target, score)
        try:
            write_checkpoint(target, state, facts)
        except OSError as error:
            self.clean()
            remedy = f"; {_REMEDY}" if error.errno in _NO_ROOM else ""
            raise OSError(error.errno, f"{error.strerror}{remedy}", error.filename) from error
        self._forget_old(describe(target))
        return target

    def rate(self, path: Path, score: float) -> None:
        """Give a saved checkpoint its score, as `save` would have."""
        unrated = describe(path)
        add_facts(path, self._rating(path, score))
        if unrated in self._verdicts:
            self._verdicts[describe(path)] = self._verdicts.pop(unrated)

    def _rating(self, path: Path, score: float | None) -> dict[str, Any]:
        if score is not None and not math.isfinite(score):
            logger.warning("%s has the score %s, which is never chosen as best", path.name, score)
            score = None
        return {"score": score} if score is None else {"score": score, "scored_by": self._scored_by}

    def best(self) -> Path | None:
        """The sound checkpoint with the lowest score; None where none has a score."""
        return next((c.path for c in self._best_first() if self._fault(c) is None), None)

    def load(self, path: Path) -> dict[str, Any]:
        """One checkpoint's state, on the CPU.

        Raises:
            CheckpointError: where it is not there or damaged, with the reason.
        """
        try:
            return self._load(describe(path))
        except DamagedError as error:
            raise CheckpointError(f"checkpoint {path} cannot be used: {error}") from error

    def load_newest(self) -> dict[str, Any] | None:
        """The newest state that is sound; None where there is no checkpoint yet.

        A damaged one is passed over with a warning.

        Raises:
            CheckpointError: where all are damaged, with each one's reason.
        """
        return self._load_first(self._newest_first)

    def load_best(self) -> dict[str, Any] | None:
        """The sound state with the lowest score, as `load_newest`; None where none has a score."""
        return self._load_first(self._best_first)

    def _load_first(self, candidates: Callable[[], list[Checkpoint]]) -> dict[str, Any] | None:
        """The state of the first sound one."""
        reasons, changed = [], False
        for checkpoint in candidates():
            try:
                return self._load(checkpoint)
            except DamagedError as error:
                if describe(checkpoint.path) != checkpoint:  # by the writer, since it was listed
                    changed = True
                    continue
                logger.warning("damaged checkpoint %s skipped: %s", checkpoint.path, error)
                reasons.append(f"{checkpoint.path.name}: {error}")
        if changed:
            return self._load_first(candidates)
        if reasons:
            raise CheckpointError(
                f"no checkpoint in {self.path} can be used ({'; '.join(reasons)}); "
                "delete the folder to train from scratch"
            )
        return None

    def _load(self, checkpoint: Checkpoint) -> dict[str, Any]:
        stamp = _stamp(checkpoint.path)
        try:
            state = load(checkpoint)
        except DamagedError as error:
            self._verdicts[checkpoint] = (stamp, str(error))
            raise
        self._verdicts[checkpoint] = (stamp, None)
        return state

    def _fault(self, checkpoint: Checkpoint) -> str | None:
        """Why it cannot be used; the file is read only where it changed since the last verdict."""
        stamp = _stamp(checkpoint.path)
        known, fault = self._verdicts.get(checkpoint, (None, None))
        if known is None or known != stamp:
            try:
                check(checkpoint)
                fault = None
            except DamagedError as error:
                fault = str(error)
            self._verdicts[checkpoint] = (stamp, fault)
        return fault

    def _forget_old(self, written: Checkpoint) -> None:
        """Remove all but the last few sound ones and the best, if what was written is sound."""
        stamp = _stamp(written.path)
        try:
            check_written(written)
        except DamagedError as error:
            self._verdicts[written] = (stamp, str(error))
            logger.warning("%s was saved, but %s; no older one is removed", written.path, error)
            return
        self._verdicts[written] = (stamp, None)
        finished = self._newest_first()
        self._verdicts = {c: self._verdicts[c] for c in finished if c in self._verdicts}
        sound = (c.path for c in finished if self._fault(c) is None)
        kept = {*islice(sound, self._keep), self.best()}
        for checkpoint in finished:
            if checkpoint.path not in kept:
                remove(checkpoint.path)

    def _newest_first(self) -> list[Checkpoint]:
        """All finished ones, the last saved first.

        One whose .json gives no number takes its place by the images seen.
        """
        found = [describe(path.with_suffix(".pt")) for path in self._named(".json")]
        placed, number = [], 0.0
        for checkpoint in sorted(found, key=lambda c: c.images_seen):
            number = number if checkpoint.number is None else checkpoint.number
            placed.append((number, checkpoint.images_seen, checkpoint))
        return [checkpoint for *_, checkpoint in sorted(placed, key=lambda p: p[:2], reverse=True)]

    def _best_first(self) -> list[Checkpoint]:
        mine = self._scored_by
        alike = [c for c in self._newest_first() if mine is None or c.scored_by in (None, mine)]
        scored = [(c.score, c) for c in alike if c.score is not None]
        return [checkpoint for _, checkpoint in sorted(scored, key=lambda pair: pair[0])]

    def _named(self, suffix: str) -> list[Path]:
        """The files of this folder that are a checkpoint's by their name."""
        paths = self.path.glob(f"checkpoint-*{suffix}")
        return [path for path in paths if path.stem.removeprefix("checkpoint-").isdecimal()]


def _stamp(path: Path) -> object:
    """Changes whenever a file does; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
