"""Source `folder`: the user's own class folder, or archives of one.

A folder that can be used as it is stays where it is. Archives are extracted, all into one folder;
a flat val/ is linked into classes by a table of labels.
"""

import re
from contextlib import ExitStack
from pathlib import Path

from sagan.data.archives.extraction import (
    ExtractedMember,
    announce,
    extract,
    identity,
    is_extracted,
)
from sagan.data.archives.members import Archive, ArchiveError, open_archive
from sagan.data.class_titles import find_titles
from sagan.data.image_folder import ImageFolder
from sagan.data.progress import progress
from sagan.data.sources.labels import folder_of, read_val_labels
from sagan.data.sources.tree import SourceTree, class_folders, loose_by_class, visible_files
from sagan.processes.lock import folder_lock

_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
# what people's computers add to archives, and Kaggle's test images, which have no labels
_LEFT_OUT = re.compile(r"(^|/)(__MACOSX|ILSVRC/Data/CLS-LOC/test|ILSVRC/Annotations)/")


def archives_of(path: Path) -> list[Path]:
    """The archives that a path names: one, or all of a pattern; none where it is a folder.

    Raises:
        FileNotFoundError: if a pattern matches nothing.
    """
    if "*" in path.name:
        found = sorted(path.parent.glob(path.name))
        if not found:
            raise FileNotFoundError(f"acquisition.path: nothing matches '{path}'")
        return found
    return [path] if path.is_file() and path.name.lower().endswith(_ENDINGS) else []


def unpacked(path: Path, target: Path) -> Path:
    """The folder that a path means; archives are extracted first, all into one folder.

    Args:
        path: A folder, an archive, or a pattern of archives.
        target: Where archives are extracted to.

    Returns:
        The folder that holds `train/`, as far as it can be told.

    Raises:
        ArchiveError: if an archive is damaged or hostile, or two hold the same file.
        OSError: if there is no room.
    """
    archives = archives_of(path)
    if not archives:
        return path
    with folder_lock(target.parent):
        made_of = [identity(archive) for archive in archives]
        if not is_extracted(target, made_of):
            _extract_all(archives, target, made_of)
    return _below_one_folder(target)


def read_class_folder(path: Path, val_labels: Path | None, beside: list[Path]) -> SourceTree:
    """Find the images and labels of a class folder.

    Args:
        path: The folder that holds `train/`.
        val_labels: A table of labels for a flat val/.
        beside: More folders where a table of class names may lie.
    """
    if val_labels is None:
        ImageFolder.open(path)  # says all that is wrong with it
    elif not (path / "val").is_dir():
        raise FileNotFoundError(f"acquisition.val_labels is given, but '{path}' has no val/")
    tree = SourceTree(folders={"train": class_folders(path / "train")})
    tree.titles = find_titles([path, *beside, *folder_of(val_labels)], tree.classes)
    if val_labels is not None:
        files = visible_files(path / "val")
        if not files:
            raise ValueError(
                f"acquisition.val_labels is given, but '{path / 'val'}' holds no images directly"
            )
        tree.loose["val"] = loose_by_class(files, read_val_labels(val_labels))
    elif (path / "val").is_dir():
        tree.folders["val"] = class_folders(path / "val")
    return tree


def _extract_all(archives: list[Path], target: Path, made_of: list[dict[str, object]]) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(open_archive(archive)) for archive in archives]
        placed = [_wanted(archive) for archive in opened]
        _refuse_shared_names(archives, placed)
        everything = [file for files in placed for file in files]
        needed = sum(entry.size_bytes for entry, _ in everything)
        announce(_called(archives), len(everything), needed, target.parent)
        both = _Several(opened, placed)
        with progress("extracting", needed, "B") as bar:
            extract(both, everything, target, made_of, on_bytes=bar.advance)


class _Several:
    """Several archives as one."""

    def __init__(self, opened: list[Archive], placed: list[list[ExtractedMember]]) -> None:
        self.entries = [entry for files in placed for entry, _ in files]
        self._home = {
            id(entry.source): archive
            for archive, files in zip(opened, placed, strict=True)
            for entry, _ in files
        }
        self.open = lambda entry: self._home[id(entry.source)].open(entry)


def _wanted(archive: Archive) -> list[ExtractedMember]:
    return [
        ExtractedMember(entry, entry.name)
        for entry in archive.entries
        if not _LEFT_OUT.search(entry.name)
    ]


def _refuse_shared_names(archives: list[Path], placed: list[list[ExtractedMember]]) -> None:
    owner: dict[str, Path] = {}
    for archive, files in zip(archives, placed, strict=True):
        for _, place in files:
            if place in owner:
                raise ArchiveError(
                    f"'{archive}' and '{owner[place]}' both have '{place}'; name one of them"
                )
            owner[place] = archive


def _called(archives: list[Path]) -> str:
    more = f" and {len(archives) - 1} more" if len(archives) > 1 else ""
    return f"{archives[0].name}{more}"


def _below_one_folder(folder: Path) -> Path:
    """Archives often hold one folder with everything in it."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    alone = len(inside) == 1 and inside[0].is_dir() and inside[0].name != "train"
    return inside[0] if alone else folder
