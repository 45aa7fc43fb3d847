"""Source `folder`: the user's own class folder, or archives of one.

A folder is used in place. Archives are extracted, all into one folder; a flat val/ is linked into
classes by a table of labels.
"""

import re
from contextlib import ExitStack
from pathlib import Path

from sagan.common.progress import progress_bar
from sagan.data.archives.checksums import verify_checksum
from sagan.data.archives.extraction import (
    ExtractedMember,
    announce,
    extract,
    identity,
    is_extracted,
)
from sagan.data.archives.members import ArchiveError, file_and_folder, open_archive
from sagan.data.class_titles import find_titles
from sagan.data.image_folder import ImageFolder
from sagan.data.sources.labels import folder_of, read_val_labels
from sagan.data.sources.tree import SourceTree, class_folders, loose_by_class, visible_files
from sagan.processes.lock import folder_lock

_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
# added to archives by macOS, and Kaggle's test images, which have no labels
_LEFT_OUT = re.compile(r"(^|/)(__MACOSX|ILSVRC/Data/CLS-LOC/test|ILSVRC/Annotations)/")


def archives_of(path: Path) -> list[Path]:
    """The archives that a path names: one, or all of a pattern; none if it is a folder.

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
    """The folder of a path; archives are extracted first, all into one folder.

    Args:
        path: A folder, an archive, or a pattern of archives.
        target: The folder to extract archives to.

    Returns:
        The folder that should hold `train/`.

    Raises:
        ArchiveError: if an archive is damaged or hostile, or two hold the same file.
        OSError: if there is too little space.
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
        beside: More folders that may have a table of titles.
    """
    if val_labels is None:
        ImageFolder.open(path)  # raises with all faults of the layout
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
    members: dict[str, ExtractedMember] = {}
    owner: dict[str, Path] = {}
    with ExitStack() as stack:
        for archive in archives:
            for member in stack.enter_context(open_archive(archive)):
                if _LEFT_OUT.search(member.name):
                    continue
                if member.name in members:
                    raise ArchiveError(
                        f"'{archive}' and '{owner[member.name]}' both have '{member.name}'; "
                        "name one of them"
                    )
                members[member.name] = ExtractedMember(member, member.name)
                owner[member.name] = archive
        if clash := file_and_folder(members):
            raise ArchiveError(
                f"'{clash[0]}' is a file in '{owner[clash[0]]}' and a folder in another archive; "
                "name one of them"
            )
        needed = sum(member.size_bytes for member, _ in members.values())
        more = f" and {len(archives) - 1} more" if len(archives) > 1 else ""
        announce(f"{archives[0].name}{more}", len(members), needed, target.parent)
        for archive in archives:
            verify_checksum(archive)
        with progress_bar("extracting", needed, "B") as bar:
            extract([*members.values()], target, made_of, on_bytes=bar.update)


def _below_one_folder(folder: Path) -> Path:
    """The only folder in a folder, if there is just one, as many archives have it."""
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    alone = len(inside) == 1 and inside[0].is_dir() and inside[0].name != "train"
    return inside[0] if alone else folder
