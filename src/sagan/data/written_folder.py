"""Folders of images that acquisition wrote: what somebody changed in them stays as it is."""

import errno
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from sagan.common.files import display_path
from sagan.common.results import OF_SYSTEMS
from sagan.data.folder_names import first_five

logger = logging.getLogger(__name__)

_REMEDY = (
    "move or remove it to have it written again; to use images as they are, name the folder that "
    "holds train/ as acquisition.path, with acquisition.source=folder"
)


def holds_nothing(folder: Path) -> bool:
    """Whether there is no such folder, or an empty one."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


def refuse_to_replace(folder: Path, reason: str) -> NoReturn:
    """Raise, with the remedy.

    Raises:
        FileExistsError: always.
    """
    raise FileExistsError(errno.EEXIST, f"{reason}; {_REMEDY}", str(folder))


def check_unchanged(folder: Path, lost: Iterable[str], added: Iterable[str]) -> None:
    """Refuse a folder of which files are missing or changed; warn of files that were added.

    Args:
        folder: The folder.
        lost: Files that are missing or changed, relative to it.
        added: Files that acquisition did not write.

    Raises:
        FileExistsError: naming the first five that are missing or changed.
    """
    if names := sorted(lost):
        refuse_to_replace(folder, f"missing or changed since it was written: {first_five(names)}")
    if names := added_files(added):
        logger.warning(
            "added to '%s' since it was written, and kept: %s",
            display_path(folder),
            first_five(names),
        )


def added_files(names: Iterable[str]) -> list[str]:
    """Of the files that acquisition did not write, those that no system made by itself."""
    return sorted(name for name in names if name.rpartition("/")[2] not in OF_SYSTEMS)
