"""A drawn picture that knows which generator it shows, however it is handed on."""

from typing import Any, Self

import numpy as np


class Picture(np.ndarray[Any, np.dtype[np.uint8]]):
    """An array uint8 [H, W, 3] with the SHA-256 of the weights that it was drawn with."""

    drawn_with: str | None = None
    """None: not known, as of pictures of earlier versions."""

    @classmethod
    def of(cls, pixels: np.ndarray, drawn_with: str | None) -> Self:
        """The same pixels, uint8 [H, W, 3], with what they were drawn with."""
        picture = np.asarray(pixels).view(cls)
        picture.drawn_with = drawn_with
        return picture

    def __array_finalize__(self, source: object) -> None:
        """Views and copies show the same generator."""
        self.drawn_with = getattr(source, "drawn_with", None)
