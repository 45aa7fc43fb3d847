"""Names of class folders that a data set must have, in the order of their labels.

The labels of ILSVRC-2012's 1,000 classes follow their WordNet ids, also in networks trained on it.
"""

import re
from importlib.resources import files
from pathlib import Path

ILSVRC2012 = "ilsvrc2012"


def read_known_classes(known_classes: str | None) -> tuple[str, ...] | None:
    """The names, or None if any are allowed.

    Args:
        known_classes: `ilsvrc2012`, or a file with one class per line; text after the name and a
            space or tab is ignored, as in Kaggle's LOC_synset_mapping.txt.

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
        fault = f"names {twice[0]} twice" if twice else "has no names"
        raise ValueError(f"data_validation.known_classes: '{known_classes}' {fault}")
    return tuple(names)
