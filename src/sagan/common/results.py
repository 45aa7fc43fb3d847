"""Folders of results: replaced as a whole, and kept where something in them was changed.

`SHA256SUMS` in such a folder has the checksums of its files, as `sha256sum --check` reads them.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sagan.common.files import disk, display_path, file_sha256, replacing_folder
from sagan.common.text import visible

logger = logging.getLogger(__name__)

SUMS = "SHA256SUMS"
OF_SYSTEMS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})  # written by looking at a folder


@contextmanager
def replacing_results(target: Path, *, needed_bytes: int | None = None) -> Iterator[Path]:
    """`replacing_folder`, with checksums of what is written.

    Where the target was changed since it was written, or has no checksums, it is moved aside, with
    a warning that says where to.

    Args:
        target: The final folder, or a link to it.
        needed_bytes: Expected size, where it is known, for the message about a full disk [bytes].

    Raises:
        OSError: as `replacing_folder`.
    """
    target = target.resolve()
    with replacing_folder(target, needed_bytes=needed_bytes) as folder:
        yield folder
        lines = [f"{file_sha256(folder / name)}  {name}\n" for name in _files(folder)]
        (folder / SUMS).write_text("".join(lines), "utf-8", "surrogateescape")
        _keep_changed(target)


def replace_folder(source: Path, target: Path) -> None:
    """Copy a folder to `target` by `replacing_results`, unless both are the same."""
    if source.resolve() == target.resolve():
        return
    found = sorted(source.rglob("*"))
    size = sum(path.stat().st_size for path in found if path.is_file())
    with replacing_results(target, needed_bytes=size) as temporary:
        for path in found:
            copy = temporary / path.relative_to(source)
            if path.is_dir():
                copy.mkdir()
            else:
                disk.copy(path, copy)


def changed_files(folder: Path) -> list[str]:
    """Files that were changed, added or removed since the folder's checksums were written."""
    sums = folder / SUMS
    text = sums.read_text("utf-8", "surrogateescape") if sums.is_file() else ""
    recorded = {name: sha256 for sha256, _, name in (x.partition("  ") for x in text.splitlines())}
    found = _files(folder)
    same = {name for name in found if recorded.get(name) == file_sha256(folder / name)}
    return sorted({*recorded, *found} - same)


def _keep_changed(folder: Path) -> None:
    """Move a folder aside in which something was changed, and say so."""
    changed = changed_files(folder) if folder.exists() else []
    if not changed:
        return
    aside = (folder.with_name(f"{folder.name}.changed-{number}") for number in count(1))
    kept = next(path for path in aside if not path.exists())
    folder.rename(kept)
    more = f" and {len(changed) - 5} more" if len(changed) > 5 else ""
    what = f"is not as it was written ({visible(', '.join(changed[:5]))}{more})"
    logger.warning(
        "'%s' %s; it was moved to '%s', and the new one is in its place",
        display_path(folder),
        what if (kept / SUMS).is_file() else f"has no {SUMS} that says whether it was changed",
        display_path(kept),
    )


def _files(folder: Path) -> list[str]:
    """Paths of all files below a folder, without its checksums and files of the system."""
    found = (path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())
    names = (path.relative_to(folder).as_posix() for path in found if path.name not in OF_SYSTEMS)
    return sorted(name for name in names if name != SUMS)
