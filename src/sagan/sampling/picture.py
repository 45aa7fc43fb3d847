"""Image arrays that record the generator and the truncation they were drawn with."""

from typing import Any, Self

import numpy as np


class Picture(np.ndarray[Any, np.dtype[np.uint8]]):
    """An array uint8 [H, W, 3] with the SHA-256 of the generator's weights."""

    drawn_with: str | None = None
    """None: unknown, as for pictures of earlier versions."""
    truncation: float | None = None
    """Of the latents [standard deviations]; None: none, or unknown."""

    @classmethod
    def of(
        cls, pixels: np.ndarray, drawn_with: str | None, truncation: float | None = None
    ) -> Self:
        """Pixels uint8 [H, W, 3] with the SHA-256 of the weights they were drawn with."""
        picture = np.asarray(pixels).view(cls)
        picture.drawn_with, picture.truncation = drawn_with, truncation
        return picture

    def __array_finalize__(self, source: object) -> None:
        """Pass both on to views and copies."""
        self.drawn_with = getattr(source, "drawn_with", None)
        self.truncation = getattr(source, "truncation", None)
