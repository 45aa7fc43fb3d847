"""What people call a class: `n01443537` is a goldfish.

A class folder may have a table of names at its root, as ImageNet's publishers lay it there. None
comes with the project: where there is no table, classes are called by their folders' names.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sagan.data.sources.devkit import META, NAMED, is_devkit, read_devkit, read_meta

logger = logging.getLogger(__name__)

# ours, Kaggle's, Tiny ImageNet's; the first that is there counts, then the devkit
CLASS_TITLES = "class_names.json"
TABLES = (CLASS_TITLES, "LOC_synset_mapping.txt", "words.txt")


def read_titles(path: Path) -> dict[str, str]:
    """Human names by class, out of any of the published tables.

    Args:
        path: JSON; lines with the class, a tab or space, and its names; ILSVRC-2012's devkit
            (archive or folder), or its meta.mat.

    Raises:
        ValueError: if the JSON is not a dictionary of texts, or the devkit is none.
    """
    if path.name == META:
        return read_meta(path.read_bytes(), path)[1]
    if is_devkit(path):
        return read_devkit(path)[1]
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".json":
        titles = json.loads(text)
        if not isinstance(titles, dict) or not all(isinstance(t, str) for t in titles.values()):
            raise ValueError("not a dictionary of class name to human name")
        return titles
    pairs = (re.split(r"[\t ]", line.strip(), maxsplit=1) for line in text.splitlines())
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def find_titles(folders: Iterable[Path], classes: Iterable[str]) -> dict[str, str]:
    """Human names of these classes, from the first table in one of the folders that has any.

    A table that cannot be read is told of and passed over: the images are sound without it.
    """
    wanted = sorted(classes)
    for titles in _all_titles(folders):
        found = {name: titles[name] for name in wanted if name in titles}
        if found:
            return found
    return {}


def known_titles(folders: Iterable[Path]) -> dict[str, str]:
    """The same where classes are not known yet: all that the first table names."""
    return next((titles for titles in _all_titles(folders) if titles), {})


def _all_titles(folders: Iterable[Path]) -> Iterator[dict[str, str]]:
    for path in (table for folder in folders for table in _tables(folder)):
        try:
            yield read_titles(path)
        except (OSError, ValueError) as error:
            logger.warning("no class names taken from '%s': %s", path, error)


def _tables(folder: Path) -> Iterator[Path]:
    """Tables of names that lie in a folder, the devkit's own folder too."""
    files = (folder / name for name in (*TABLES, META, f"data/{META}"))
    yield from (path for path in files if path.is_file())
    yield from (path for path in sorted(folder.glob(f"{NAMED}*")) if is_devkit(path))
