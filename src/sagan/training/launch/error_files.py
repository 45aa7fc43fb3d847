"""Error files: how the processes of a launch report failures to their launcher."""

import errno
import json
import os
import time
import traceback
from pathlib import Path
from typing import Any

from sagan.common.files import replacing_file
from sagan.common.schema import ClearError
from sagan.training.core.finite import NonFiniteError

_INTERRUPTED = "interrupted"  # file written after saving because of a signal
_PERMANENT = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS}


class WorkerErrorFiles:
    """The error files of one launch, in a folder."""

    def __init__(self, folder: Path) -> None:
        """Bind to a folder; `clear` creates it."""
        self.folder = folder

    def clear(self) -> None:
        """Remove the files of an earlier launch; what its processes printed stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in (*self.folder.glob("failure-*.json"), self.folder / _INTERRUPTED):
            path.unlink(missing_ok=True)

    @property
    def interrupted(self) -> bool:
        """Whether a process has saved and stopped because of a signal."""
        return (self.folder / _INTERRUPTED).exists()

    def record_interruption(self) -> None:
        """Record that this process has saved and stopped because of a signal."""
        (self.folder / _INTERRUPTED).touch()

    @property
    def is_final(self) -> bool:
        """Whether restarting the processes would be useless."""
        return self.interrupted or self.permanent_failure() is not None

    def record_failure(self, rank: int, error: Exception) -> None:
        """Record the failure of the process of this rank; a permanent one is never overwritten."""
        path = self.folder / f"failure-{rank}.json"
        if path.exists() and json.loads(path.read_text(encoding="utf-8"))["permanent"]:
            return
        own_os_error = isinstance(error, OSError) and error.errno is None
        has_message = own_os_error or isinstance(error, ClearError | ValueError)
        permanent = has_message or (isinstance(error, OSError) and error.errno in _PERMANENT)
        # the message alone, as in a single process, or with rank and type
        reason = (
            f"{error}" if permanent else f"process {rank} failed: {type(error).__name__}: {error}"
        )
        failure = {
            "time": time.time(),
            "start": _this_start(),
            "rank": rank,
            "permanent": permanent,
            "reason": reason,
            "not_finite": vars(error) if isinstance(error, NonFiniteError) else None,
            "traceback": traceback.format_exc(),
        }
        with replacing_file(path) as temporary:
            temporary.write_text(json.dumps(failure), encoding="utf-8")

    def others_failed(self, rank: int) -> bool:
        """Whether another process of this start of the processes has failed."""
        now = _this_start()
        return any(one["start"] == now and one["rank"] != rank for one in self._failures())

    def reason(self) -> str | None:
        """Reason of the first failure; processes that lost their partner fail later."""
        failures = self._failures()
        return str(failures[0]["reason"]) if failures else None

    def latest_reason(self) -> str | None:
        """Reason of the first failure of the newest start that had one."""
        failures = self._failures()
        newest = [one for one in failures if one["start"] == failures[-1]["start"]]
        return str(newest[0]["reason"]) if newest else None

    def permanent_failure(self) -> NonFiniteError | str | None:
        """A failure that a restart cannot fix: diverged losses, or its reason."""
        for failure in self._failures():
            if failure["permanent"]:
                not_finite = failure["not_finite"]
                return NonFiniteError(**not_finite) if not_finite else str(failure["reason"])
        return None

    def _failures(self) -> list[dict[str, Any]]:
        """All failures, the first one first."""
        paths = self.folder.glob("failure-*.json")
        failures = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        return sorted(failures, key=lambda failure: float(failure["time"]))


def _this_start() -> str:
    """What differs between two starts of the processes, and not among them: where they meet."""
    return f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
