"""Which process of which machine works on a trial, and whether it still does."""

import os
import platform
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/pid")


@cache
def machine() -> str:
    """A name of this machine, until it starts anew; each container has its own."""
    parts = [platform.node()]
    if _BOOT.exists():
        parts.append(_BOOT.read_text().strip()[:8])
    if _NAMESPACE.is_symlink() or _NAMESPACE.exists():
        parts.append(_NAMESPACE.readlink().name.removeprefix("pid:[").removesuffix("]"))
    return "-".join(parts)


def this_process() -> str:
    """`machine:id:start`: a process's name, of which no other has the same."""
    return f"{machine()}:{os.getpid()}:{_started(os.getpid())}"


def has_died(process: str) -> bool:
    """Whether a process that `this_process` named is known to be gone.

    One of another machine is not known to be.
    """
    where, number, started = process.rsplit(":", 2)
    return where == machine() and _started(int(number)) != started


def _started(number: int) -> str:
    """When a process was started, in the kernel's ticks; '' where there is none."""
    status = Path(f"/proc/{number}/stat")
    if _BOOT.exists():  # Linux
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] in {"Z", "X"} else fields[19]  # a zombie works no more
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "running"
