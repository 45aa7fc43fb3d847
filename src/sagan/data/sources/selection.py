"""Selection of a part of a source: some classes, or the first n, and the first n images of each."""

import logging
import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from sagan.common.naming import as_listed, by_title
from sagan.common.text import read_text, visible
from sagan.data.config import AcquisitionConfig

logger = logging.getLogger(__name__)


class Selection(NamedTuple):
    """The wanted part of a source; None is all."""

    classes: tuple[str, ...] | None = None
    first_classes: int | None = None
    images: dict[str, int | None] = {}  # noqa: RUF012 - never changed
    """The first n images of a class, by split."""

    @classmethod
    def of(cls, config: AcquisitionConfig) -> "Selection":
        """The selection of the parameters; a file of classes is read here.

        Raises:
            FileNotFoundError: if that file is missing.
            ValueError: if it names nothing.
        """
        classes = config.classes
        if classes and len(classes) == 1 and classes[0].startswith("@"):
            classes = _listed_in(Path(classes[0][1:]).expanduser())
        limits = {"train": config.images_per_class, "val": config.val_images_per_class}
        return cls(classes, config.first_classes, limits)

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return (
            self.classes is None
            and self.first_classes is None
            and not any(limit is not None for limit in self.images.values())
        )

    def choose(self, available: Sequence[str], titles: dict[str, str]) -> list[str]:
        """The wanted class names among those that a source has, sorted.

        Args:
            available: Names of the class folders.
            titles: Titles of classes, by which they may be selected too.

        Raises:
            ValueError: if a class does not exist, or a title belongs to several.
        """
        names = sorted(available)
        if self.first_classes is not None:
            if self.first_classes > len(names):
                logger.warning(
                    "first_classes is %d, but there are %d", self.first_classes, len(names)
                )
            return names[: self.first_classes]
        if self.classes is None:
            return names
        titled = by_title(names, titles)
        return sorted({_find(asked, names, titled) for asked in self.classes})


def _listed_in(path: Path) -> tuple[str, ...]:
    """Names in a file, one per line; text after # is a comment."""
    lines = [line.partition("#")[0].strip() for line in read_text(path).splitlines()]
    names = tuple(line for line in lines if line)
    if not names:
        raise ValueError(f"acquisition.classes: '{path}' names no class; expected one per line")
    return names


def _find(asked: str, names: Sequence[str], titled: dict[str, list[str]]) -> str:
    if asked in names:
        return asked
    # WordNet's names have underscores for spaces
    found = titled.get(re.sub(r"[\s_]+", " ", asked).lower(), [])
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(
            f"acquisition.classes: '{asked}' is the name of {len(found)} classes: "
            f"{', '.join(found)}; give one of these"
        )
    near = get_close_matches(asked, [*names, *titled], n=1, cutoff=0.6)
    known = ", ".join(as_listed(name) for name in names[:10])
    remedy = f"did you mean '{as_listed(near[0])}'?" if near else f"there are {known}, ..."
    raise ValueError(visible(f"acquisition.classes: there is no class '{asked}'; {remedy}"))
