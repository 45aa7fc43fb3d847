"""Images turned by quarters, to learn features without class labels.

A network that is to say by which multiple of 90 degrees an image was turned must recognise what it
shows (Gidaris, Singh and Komodakis 2018, "Unsupervised representation learning by predicting image
rotations"). Each image is seen in all four positions, as there.
"""

import numpy as np
import torch
from torch import Tensor

from sagan.metrics.features.fitting import LabelledImages

TURNS = 4


class RotatedImages:
    """`LabelledImages` in four positions each; the label is the number of quarter turns."""

    def __init__(self, images: LabelledImages) -> None:
        """Image i of `images` is here 4i .. 4i + 3."""
        self._images = images
        self.labels: np.ndarray = np.tile(np.arange(TURNS), len(images.labels))

    def read(self, indices: np.ndarray) -> Tensor:
        """int64 [B] -> uint8 [B, C, H, W]."""
        images = self._images.read(indices // TURNS).clone()
        turns = torch.from_numpy(indices % TURNS)
        for turn in range(1, TURNS):
            images[turns == turn] = torch.rot90(images[turns == turn], turn, (2, 3))
        return images

    @staticmethod
    def indices(indices: np.ndarray) -> np.ndarray:
        """Where the images at `indices` are here: int64 [n] -> int64 [4n]."""
        return (indices[:, None] * TURNS + np.arange(TURNS)).ravel()
