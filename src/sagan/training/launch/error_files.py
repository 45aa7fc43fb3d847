"""Error files: how the processes of a launch report failures to their launcher."""

import errno
import fcntl
import json
import os
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from sagan.common.files import replacing_file
from sagan.common.schema import ClearError
from sagan.training.core.finite import NonFiniteError

_INTERRUPTED = "interrupted"  # file written after saving because of a signal
_RESERVED_BYTES = 1 << 16  # more than a failure takes
_PERMANENT = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS}


class WorkerErrorFiles:
    """The error files of one launch, in a folder."""

    def __init__(self, folder: Path) -> None:
        """Bind to a folder; `clear` creates it."""
        self.folder = folder

    def clear(self) -> None:
        """Remove the files of an earlier launch; what its processes printed stays."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for pattern in ("failure-*.json", "running-*", "reserved-*", _INTERRUPTED):
            for path in self.folder.glob(pattern):
                path.unlink(missing_ok=True)

    @contextmanager
    def running(self, rank: int) -> Iterator[None]:
        """Let the others see that this process runs, and reserve space to record a failure.

        They see it by a lock on a file: without the lock, this process was killed. On a full disk,
        or a file system without locks, they do not see it.
        """
        path, partial = self.folder / f"running-{rank}", self.folder / f".running-{rank}"
        with ExitStack() as held:
            with suppress(OSError):
                self._reserved(rank).write_bytes(bytes(_RESERVED_BYTES))
                file = held.enter_context(partial.open("w", encoding="utf-8"))
                file.write(_this_start())
                file.flush()
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                partial.replace(path)
            try:
                yield
            finally:
                for own in (path, partial, self._reserved(rank)):
                    own.unlink(missing_ok=True)

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
        others = (other for other in range(_processes()) if other != rank)
        killed = None if permanent else next(filter(self._is_killed, others), None)
        if killed is not None:  # this one has lost its partner
            reason = _reason_of_killed(killed)
        self._record(
            rank,
            permanent=permanent,
            reason=reason,
            not_finite=vars(error) if isinstance(error, NonFiniteError) else None,
            traceback=traceback.format_exc(),
        )

    def _record(self, rank: int, *, reason: str, permanent: bool = False, **facts: Any) -> None:  # noqa: ANN401 - JSON-able
        failure = {"time": time.time(), "start": _this_start(), "rank": rank, "reason": reason}
        failure |= {"permanent": permanent, "not_finite": None, "traceback": ""} | facts
        self._reserved(rank).unlink(missing_ok=True)  # the disk may be full
        with replacing_file(self.folder / f"failure-{rank}.json") as temporary:
            temporary.write_text(json.dumps(failure), encoding="utf-8")

    def others_failed(self, rank: int) -> bool:
        """Whether another process of this start of the processes has failed or was killed.

        Each looks after the next one, and records for all that it was killed.
        """
        now, following = _this_start(), (rank + 1) % _processes()
        if any(one["start"] == now and one["rank"] != rank for one in self._failures()):
            return True
        killed = following != rank and self._is_killed(following)
        if killed:
            with suppress(OSError):
                self._record(following, reason=_reason_of_killed(following))
        return killed

    def _is_killed(self, rank: int) -> bool:
        """Whether a process of this start has ended without a word."""
        path = self.folder / f"running-{rank}"
        with suppress(OSError), path.open(encoding="utf-8") as file:
            if file.read() == _this_start():
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # an error while it runs
                return path.exists()  # else it has just ended
        return False

    def _reserved(self, rank: int) -> Path:
        return self.folder / f"reserved-{rank}"

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


def _processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def _reason_of_killed(rank: int) -> str:
    return f"process {rank} was killed (out of memory, perhaps)"
