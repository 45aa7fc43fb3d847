"""What the processes of a launch leave for their launcher, in files of the run's folder."""

import errno
import json
import time
import traceback
from pathlib import Path
from typing import Any

from sagan.common.files import replacing_file
from sagan.common.schema import ClearError
from sagan.training.core.steps import NonFiniteError

_INTERRUPTED = "interrupted"  # file that says: this launch was asked to stop, and has saved
_LASTING = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS}


class Notes:
    """A folder of notes, of one launch."""

    def __init__(self, folder: Path) -> None:
        """Bind to a folder; `clear` makes it."""
        self.folder = folder

    def clear(self) -> None:
        """Forget an earlier launch."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            path.unlink(missing_ok=True)

    @property
    def interrupted(self) -> bool:
        """Whether a process was asked to stop, and has saved."""
        return (self.folder / _INTERRUPTED).exists()

    def note_interruption(self) -> None:
        """Say that this process was asked to stop, and has saved."""
        (self.folder / _INTERRUPTED).touch()

    @property
    def over(self) -> bool:
        """Whether to start the processes again would be of no use."""
        return self.interrupted or self._lasting() is not None

    def note_failure(self, rank: int, error: Exception) -> None:
        """Say what went wrong in the process of this rank, once."""
        path = self.folder / f"failure-{rank}.json"
        if path.exists() and json.loads(path.read_text(encoding="utf-8"))["lasting"]:
            return
        own_os_error = isinstance(error, OSError) and error.errno is None
        worded = own_os_error or isinstance(error, ClearError | ValueError)
        lasting = worded or (isinstance(error, OSError) and error.errno in _LASTING)
        # as one process alone would say it, or with where and what it was
        reason = (
            f"{error}" if lasting else f"process {rank} failed: {type(error).__name__}: {error}"
        )
        note = {
            "time": time.time(),
            "rank": rank,
            "lasting": lasting,
            "reason": reason,
            "not_finite": vars(error) if isinstance(error, NonFiniteError) else None,
            "traceback": traceback.format_exc(),
        }
        with replacing_file(path) as temporary:
            temporary.write_text(json.dumps(note), encoding="utf-8")

    def reason(self) -> str | None:
        """What the process that failed first said; those that lost their partner come later."""
        notes = self._failures()
        return str(notes[0]["reason"]) if notes else None

    def lasting_failure(self) -> NonFiniteError | str | None:
        """A failure that a new start would not cure: losses that diverged, or its reason."""
        note = self._lasting()
        if note is None:
            return None
        return NonFiniteError(**note["not_finite"]) if note["not_finite"] else str(note["reason"])

    def _lasting(self) -> dict[str, Any] | None:
        return next((note for note in self._failures() if note["lasting"]), None)

    def _failures(self) -> list[dict[str, Any]]:
        """The first one first."""
        paths = self.folder.glob("failure-*.json")
        notes = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        return sorted(notes, key=lambda note: float(note["time"]))
