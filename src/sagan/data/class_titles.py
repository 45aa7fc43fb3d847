"""What people call a class: `n01443537` is a goldfish.

A class folder may have a table of names at its root, as ImageNet's publishers lay it there.
"""

import json
import logging
import re
from collections.abc import Iterable
from pathlib import Path

logger = logging.getLogger(__name__)

# ours, Kaggle's, Tiny ImageNet's; the first that is there counts
CLASS_TITLES = "class_names.json"
TABLES = (CLASS_TITLES, "LOC_synset_mapping.txt", "words.txt")


def read_titles(path: Path) -> dict[str, str]:
    """Human names by class: JSON, or lines with the class, a tab or space, and its names.

    Raises:
        ValueError: if the JSON is not a dictionary of texts.
    """
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".json":
        titles = json.loads(text)
        if not isinstance(titles, dict) or not all(isinstance(t, str) for t in titles.values()):
            raise ValueError("not a dictionary of class name to human name")
        return titles
    pairs = (re.split(r"[\t ]", line.strip(), maxsplit=1) for line in text.splitlines())
    return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}


def find_titles(folders: Iterable[Path], classes: Iterable[str]) -> dict[str, str]:
    """Human names of these classes, from the first table in one of the folders.

    A table that cannot be read is told of and passed over: the images are sound without it.
    """
    for path in (folder / name for folder in folders for name in TABLES):
        if not path.is_file():
            continue
        try:
            titles = read_titles(path)
        except (OSError, ValueError) as error:
            logger.warning("no class names taken from '%s': %s", path, error)
            continue
        return {name: titles[name] for name in sorted(classes) if name in titles}
    return {}
