"""Names in folders: which may be images, which are classes, and what is ignored."""

import errno
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from sagan.common.text import visible

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = {
    *(".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".tga"),
    *(".jp2", ".j2k", ".jpf", ".jpx", ".avif", ".heic", ".heif"),
}
# what lies beside images: notes of cameras, programs and systems, tables, captions, films
_NO_IMAGES = frozenset(
    {
        *("aae", "bak", "cfg", "db", "ini", "lnk", "log", "url", "xmp"),
        *(
            "cls",
            "csv",
            "json",
            "jsonl",
            "parquet",
            "toml",
            "tsv",
            "xls",
            "xlsx",
            "xml",
            "yaml",
            "yml",
        ),
        *("doc", "docx", "htm", "html", "md", "pdf", "rtf", "srt", "txt"),
        *("avi", "mat", "mov", "mp4", "npy", "npz", "pkl", "pt", "py"),
        *("7z", "bz2", "gz", "idx", "rar", "tar", "tgz", "xz", "zip"),
    }
)
# the class of images that have none
UNLABELLED = "images"
# folders that systems make, which are no classes
_NO_CLASSES = frozenset(
    {"@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
)


def first_five(names: list[str]) -> str:
    """The first five names, and the total if there are more."""
    more = f", ... ({len(names):,} in all)" if len(names) > 5 else ""
    return visible(", ".join(names[:5])) + more


def folder_names(folder: Path) -> list[str]:
    """Names of the folders in a folder, without hidden ones and those of systems."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not e.name.startswith(".") and _is_folder(e)]
    return [name for name in names if name not in _NO_CLASSES]


def file_names(folder: Path) -> list[str]:
    """Names of the files in a folder, without hidden ones and those that are no images."""
    with os.scandir(folder) as entries:
        names = [e.name for e in entries if not e.name.startswith(".") and not _is_folder(e)]
    return [name for name in names if not is_no_image(name)]


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Whether it is a folder or a link to one; a link to itself points to nothing."""
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def files_below(folder: Path) -> list[Path]:
    """Files anywhere below a folder that may be images, sorted."""
    found = []
    for place, folders, _ in os.walk(folder):
        folders[:] = folder_names(Path(place))
        found += [Path(place, name) for name in file_names(Path(place))]
    return sorted(found)


def is_flat(folder: Path) -> bool:
    """Whether a folder has images directly in it, and no folders."""
    return not folder_names(folder) and bool(loose_images(folder))


def loose_images(folder: Path) -> list[str]:
    """Names of the files directly in a folder that have an image's suffix."""
    return [name for name in file_names(folder) if Path(name).suffix.lower() in IMAGE_SUFFIXES]


def is_no_image(name: str) -> bool:
    """Whether a file's suffix says that it is none: a table, a caption, a note of the system.

    A file of an unknown suffix may be an image, and validation names it if it is none.
    """
    return "." in name and name.rpartition(".")[2].lower() in _NO_IMAGES


def warn_ignored(root: Path, classes_by_split: Mapping[str, Iterable[str]]) -> None:
    """Warn once of what is ignored in the class folders of an image folder, with counts."""
    found: Counter[str] = Counter()
    places: set[Path] = set()
    for split, classes in classes_by_split.items():
        of_split = _ignored(root / split)
        found.update({k: n for k, n in of_split.items() if k[-1] != "/" or k[:-1] in _NO_CLASSES})
        for name in classes:
            folder = root / split / name
            found.update(_ignored(folder))
            if folder.is_symlink():
                places.add(folder.resolve())
    if found:
        kinds = [f"{number:,} {kind}" for kind, number in found.most_common()]
        # of links to class folders, those folders: not what this project made
        _warn_no_images(Path(os.path.commonpath(places)) if places else root, first_five(kinds))


@cache
def _warn_no_images(root: Path, kinds: str) -> None:
    logger.warning("ignored in '%s', since they are no images: %s", root, kinds)


def _ignored(folder: Path) -> Counter[str]:
    """Files that are no images, by suffix, and folders, by name."""
    with os.scandir(folder) as entries:
        shown = [entry for entry in entries if not entry.name.startswith(".")]
    folders = Counter(f"{entry.name}/" for entry in shown if _is_folder(entry))
    files = (e.name for e in shown if is_no_image(e.name) and not _is_folder(e))
    return folders + Counter(f"*.{name.rpartition('.')[2].lower()}" for name in files)
