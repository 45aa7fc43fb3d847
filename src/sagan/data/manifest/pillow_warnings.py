"""What Pillow warns of, collected with the names of the images that it is about."""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from sagan.data.folder_names import first_five

logger = logging.getLogger(__name__)

_reading = threading.local()


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Say which image this thread reads in the block."""
    _reading.name = name
    try:
        yield
    finally:
        _reading.name = None


@contextmanager
def named_warnings() -> Iterator[None]:
    """Log at the end of the block what Pillow warned of: each text once, with its images."""
    found: dict[str, list[str]] = {}
    with warnings.catch_warnings():
        warnings.filterwarnings("always", module=r"PIL\b")
        show = warnings.showwarning

        def collect(  # noqa: PLR0917 - the signature of warnings.showwarning
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            name = getattr(_reading, "name", None)
            if name is None:
                show(message, category, filename, lineno, file, line)
            else:
                found.setdefault(str(message), []).append(name)

        warnings.showwarning = collect
        try:
            yield
        finally:
            for text, names in sorted(found.items()):
                images = sorted(set(names))
                logger.warning("Pillow warns of %s: %s", first_five(images), text.strip())
