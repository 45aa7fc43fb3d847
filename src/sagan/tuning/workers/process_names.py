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
    if _BOOT.exists():  # Linux
        parts.append(_BOOT.read_text().strip()[:8])
        parts.append(_NAMESPACE.readlink().name.removeprefix("pid:[").removesuffix("]"))
    return "-".join(parts)


def this_process() -> str:
    """This process as `machine:pid:start`."""
    return f"{machine()}:{os.getpid()}:{_started(os.getpid())}"


def has_died(process: str) -> bool:
    """Whether a process named by `this_process` has died; False where nobody can know."""
    host, pid, started = process.rsplit(":", 2)
    return host == machine() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Start of a process in the kernel's ticks; '' without such a process, or without /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]
