"""One process at a time in a folder: a lock that dies with its process, `kill -9` included."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; wait, and say so, while another one holds it.

    The folder itself is locked, so that no lock file is left. Where the file system knows no locks,
    the work goes on without.
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
