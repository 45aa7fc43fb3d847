"""Names of processes, unique over machines and time, and whether such a process has died."""

import os
import platform
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


@cache
def machine() -> str:
    """A name of this machine until its next boot; each container has its own."""
    parts = [platform.node()]
    if _BOOT.exists():
        parts.append(_BOOT.read_text().strip()[:8])
    if _NAMESPACE.is_symlink() or _NAMESPACE.exists():
        parts.append(_NAMESPACE.readlink().name.removeprefix("pid:[").removesuffix("]"))
    return "-".join(parts)


def this_process() -> str:
    """This process as `machine:pid:start`."""
    return f"{machine()}:{os.getpid()}:{_started(os.getpid())}"


def has_died(process: str) -> bool:
    """Whether a process named by `this_process` has died; False for one of another machine."""
    host, pid, started = process.rsplit(":", 2)
    return host == machine() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Start of a process in the kernel's ticks; '' if there is no such process."""
    status = Path(f"/proc/{pid}/stat")
    if _BOOT.exists():  # Linux
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in {"Z", "X"} else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "running"
