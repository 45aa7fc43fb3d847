"""Class folders that a data set must have, in the order of their labels.

ILSVRC-2012 counts its 1,000 classes in the order of their WordNet ids; so do the networks trained
on it, and a label is only comparable where that order is kept.
"""

import re
from importlib.resources import files
from pathlib import Path

ILSVRC2012 = "ilsvrc2012"


def read_known_classes(known_classes: str | None) -> tuple[str, ...] | None:
    """The names, or None where any will do.

    Args:
        known_classes: `ilsvrc2012`, or a file with a class a line; what follows the name after a
            space or tab is ignored, so Kaggle's LOC_synset_mapping.txt will do.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no name, or one twice.
    """
    if known_classes is None:
        return None
    if known_classes == ILSVRC2012:
        text = files("sagan.validation").joinpath("ilsvrc2012.txt").read_text(encoding="utf-8")
    else:
        path = Path(known_classes)
        if not path.is_file():
            raise FileNotFoundError(
                f"data_validation.known_classes: '{path}' does not exist; expected a file with one "
                f"class name per line, or '{ILSVRC2012}'"
            )
        text = path.read_text(encoding="utf-8-sig")
    names = [re.split(r"[\t ]", line.strip())[0] for line in text.splitlines() if line.strip()]
    twice = sorted({name for name in names if names.count(name) > 1}) if names else []
    if twice or not names:
        said = f"names {twice[0]} twice" if twice else "has no names"
        raise ValueError(f"data_validation.known_classes: '{known_classes}' {said}")
    return tuple(names)
