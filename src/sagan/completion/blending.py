"""Poisson blending of a completion into the hole of an image.

The hole keeps the completion's gradients and takes the visible pixels at its border (Pérez et al.,
2003, Poisson Image Editing, equation 7; used for completion by Yeh et al., 2017, section 3.4). The
system is solved by SciPy's sparse LU.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

from sagan.completion.masks import Mask


def blend(
    image: NDArray[np.uint8], completion: NDArray[np.uint8], hidden: Mask
) -> NDArray[np.uint8]:
    """Blend a completion into an image.

    Args:
        image: uint8 [C, S, S]; its hidden pixels are not looked at.
        completion: uint8 [C, S, S].
        hidden: bool [S, S]; not all of it.

    Returns:
        uint8 [C, S, S], which equals the image in its visible pixels.
    """
    ys, xs = np.nonzero(hidden)
    if not len(ys):
        return image.copy()
    number = np.full(hidden.shape, -1)
    number[ys, xs] = np.arange(len(ys))
    known, wanted = image.astype(float), completion.astype(float)
    own = np.zeros(len(ys))
    right = np.zeros((len(ys), len(image)))
    entries: list[NDArray[np.int64]] = []
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        y, x = ys + dy, xs + dx
        inside = np.flatnonzero((y >= 0) & (y < hidden.shape[0]) & (x >= 0) & (x < hidden.shape[1]))
        y, x = y[inside], x[inside]
        own[inside] += 1
        right[inside] += (wanted[:, ys[inside], xs[inside]] - wanted[:, y, x]).T
        border = number[y, x] < 0
        right[inside[border]] += known[:, y[border], x[border]].T
        entries.append(np.stack([inside[~border], number[y[~border], x[~border]]]))
    rows, columns = np.concatenate(entries, axis=1)
    diagonal = np.arange(len(ys))
    matrix = csc_matrix(
        (
            np.concatenate([np.full(len(rows), -1.0), own]),
            (np.concatenate([rows, diagonal]), np.concatenate([columns, diagonal])),
        )
    )
    blended = image.copy()
    blended[:, ys, xs] = np.rint(splu(matrix).solve(right)).clip(0, 255).T.astype(np.uint8)
    return blended
