"""Titles of classes, what people call them: `n01443537` is a goldfish.

A class folder may have a table of titles at its root, as ImageNet's publishers provide it. Without
a table, classes have their folders' names.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from sagan.common.text import read_text
from sagan.data.sources.devkit import META, NAMED, is_devkit, read_devkit, read_meta

logger = logging.getLogger(__name__)

# ours, Kaggle's, Tiny ImageNet's; the first found is used, then the devkit
CLASS_TITLES = "class_names.json"
TABLES = (CLASS_TITLES, "LOC_synset_mapping.txt", "words.txt")


def read_titles(path: Path) -> dict[str, str]:
    """Titles by class, from any of the published tables.

    Args:
        path: JSON; lines with the class, a tab or space, and its names; ILSVRC-2012's devkit
            (archive or folder), or its meta.mat.

    Raises:
        ValueError: if the JSON is not a dictionary of texts, or the devkit is not valid.
    """
    if path.name == META:
        return read_meta(path.read_bytes(), path)[1]
    if is_devkit(path):
        return read_devkit(path)[1]
    text = read_text(path)
    if path.suffix == ".json":
        titles = json.loads(text)
        if not isinstance(titles, dict) or not all(isinstance(t, str) for t in titles.values()):
            raise ValueError("not a dictionary of class name to human name")
        return titles
    pairs = (re.split(r"[\t ]", line.strip(), maxsplit=1) for line in text.splitlines())
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def find_titles(folders: Iterable[Path], classes: Iterable[str]) -> dict[str, str]:
    """Titles of these classes, from the first table in one of the folders that has any.

    A table that cannot be read is skipped with a warning, since titles are optional.
    """
    wanted = sorted(classes)
    for titles in _all_titles(folders):
        found = {name: titles[name] for name in wanted if name in titles}
        if found:
            return found
    return {}


def known_titles(folders: Iterable[Path]) -> dict[str, str]:
    """All titles of the first table, where classes are not known yet."""
    return next((titles for titles in _all_titles(folders) if titles), {})


def _all_titles(folders: Iterable[Path]) -> Iterator[dict[str, str]]:
    for path in (table for folder in folders for table in _tables(folder)):
        try:
            yield read_titles(path)
        except (OSError, ValueError) as error:
            logger.warning("no class names taken from '%s': %s", path, error)


def _tables(folder: Path) -> Iterator[Path]:
    """Tables of titles in a folder, also in the devkit's own folder."""
    files = (folder / name for name in (*TABLES, META, f"data/{META}"))
    yield from (path for path in files if path.is_file())
    yield from (path for path in sorted(folder.glob(f"{NAMED}*")) if is_devkit(path))
