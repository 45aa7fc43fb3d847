"""Lock on a folder, which ends with its process, `kill -9` included."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; wait, with a warning, while another one holds it.

    The folder itself is locked: a lock file, as the `filelock` package leaves, would lie among
    images that are listed and hashed. On a file system without locks the block runs without one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("another process is writing into '%s'; waiting for it", folder)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            logger.warning(
                "'%s' cannot be locked (%s); do not start a second process", folder, error
            )
        yield
    finally:
        os.close(descriptor)
