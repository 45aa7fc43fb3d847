"""Locks on folders, which end with their process, `kill -9` included."""

import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from sagan.common.schema import ClearError

logger = logging.getLogger(__name__)

HOLDER = "in_use_by.txt"
_LEAVING_SECONDS = 5.0  # in which a process that was just killed is gone


class FolderInUseError(ClearError, RuntimeError):
    """Another process works in the folder."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; wait, with a warning, while another one holds it.

    The folder itself is locked: a lock file, as the `filelock` package leaves, would lie among
    images that are listed and hashed. On a file system without locks the block runs without one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not _locked(descriptor, folder):
            logger.warning("another process is writing into '%s'; waiting for it", folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def exclusive_folder(folder: Path, job: str = "") -> Iterator[bool]:
    """Hold a folder for this process, and refuse where another one does.

    Host, process and time are noted in a file of the folder, which stays; the lock on it does not.
    That file is locked, not the folder: NFS locks only what is open for writing.

    Args:
        folder: to hold.
        job: name of a work of several machines; its processes do not exclude each other.

    Yields:
        Whether this process is the one that holds it; another one of its job does otherwise.

    Raises:
        FolderInUseError: naming who holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / HOLDER, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        suffix = f" for {job}" if job else ""
        latest = time.monotonic() + _LEAVING_SECONDS
        while not (holds := _locked(descriptor, folder)):
            # opened anew: NFS shows what another machine wrote to those who open the file after it
            holder = (folder / HOLDER).read_text("utf-8", errors="replace").strip()
            if job and holder.endswith(suffix):
                break
            if time.monotonic() > latest:
                raise FolderInUseError(
                    f"'{folder}' is in use by {holder or 'another process'}; stop that one, or "
                    "wait until it has ended"
                )
            time.sleep(0.1)
        if holds:
            now = datetime.now().astimezone().isoformat(" ", "seconds")
            who = f"process {os.getpid()} on {socket.gethostname()} since {now}{suffix}\n"
            with suppress(OSError):  # a full disk, of which the next write says more
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, who.encode(), 0)
                os.fsync(descriptor)
        yield holds
    finally:
        os.close(descriptor)


def _locked(descriptor: int, folder: Path) -> bool:
    """Lock at once; whether nobody else holds it. Without locks in a file system: a warning."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        logger.warning("'%s' cannot be locked (%s); do not start a second process", folder, error)
    return True
