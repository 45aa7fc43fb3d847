"""TensorBoard: the journal's numbers and the watch's images as event files.

`tensorboard --logdir <folder of runs>` shows them in the browser, at 127.0.0.1 unless told
otherwise. The journal stays the record of a run; these files are for watching it.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil, isfinite, sqrt
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

logger = logging.getLogger(__name__)

# the journal's flat names, by their end; names with a '/' are grouped already
_GROUPS = {
    "_loss": "losses",
    "_logits": "logits",
    "_gradient_norm": "gradient_norm",
    "_per_second": "speed",
}
_WATCHED = ("diversity", "margin")  # by their beginning
_FLUSH_SECONDS = 10
_GAP_PX, _GREY = 2, 127
_TILE_PX = 64  # smaller images are enlarged, by a whole factor, to at least about this side


class EventFiles:
    """Writes one run's events.

    Where TensorBoard is missing, or a write fails, that is said once and training goes on without.
    """

    def __init__(self, folder: Path, *, purge_step: int | None) -> None:
        """Open a new event file.

        Args:
            folder: of the run; made at need.
            purge_step: a resumed run's first step; what an earlier process wrote of this step and
                of later ones is hidden. None: the run is new.
        """
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            logger.warning(
                "no event files for TensorBoard: %s (`pip install tensorboard`); training "
                "continues without them, and the journal has all numbers",
                error,
            )
            return
        self._writer = SummaryWriter(str(folder), purge_step=purge_step, flush_secs=_FLUSH_SECONDS)

    def scalars(self, record: Mapping[str, Any], step: int) -> None:
        """Write the numbers of a journal record, grouped; an event has none to draw.

        Args:
            record: values by the journal's names; what is no finite number is left out.
            step: of the run.
        """
        if self._writer is None or "event" in record:
            return
        with self._tolerated():
            for name, value in record.items():
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                if is_number and isfinite(value) and name != "step":
                    self._writer.add_scalar(tag(name), value, step)

    def images(self, name: str, images: Tensor, step: int, *, columns: int | None = None) -> None:
        """Write images as one grid.

        Args:
            name: of the grid.
            images: uint8 [N, 3, H, W].
            step: of the run.
            columns: images in a row; None: about as many as rows.
        """
        if self._writer is not None:
            with self._tolerated():
                self._writer.add_image(name, grid(images, columns).numpy(), step)

    def close(self) -> None:
        """Write what is buffered and close the file."""
        if self._writer is not None:
            with self._tolerated():
                self._writer.close()

    @contextmanager
    def _tolerated(self) -> Iterator[None]:
        """A failed write is the last one, and no reason to stop training."""
        try:
            yield
        except OSError as error:
            logger.warning("event files for TensorBoard end here: %s; training continues", error)
            self._writer = None


def tag(name: str) -> str:
    """Where TensorBoard shows a number of the journal: '<group>/<name>'."""
    if "/" in name:
        return name
    for ending, group in _GROUPS.items():
        if name.endswith(ending):
            return f"{group}/{name if group == 'speed' else name.removesuffix(ending)}"
    return f"watch/{name}" if name.startswith(_WATCHED) else f"run/{name}"


def grid(images: Tensor, columns: int | None = None) -> Tensor:
    """Images side by side, row by row, with a grey gap between them.

    Args:
        images: uint8 [N, 3, H, W], N >= 1; small ones are enlarged, pixel by pixel.
        columns: images in a row; None: about as many as rows.

    Returns:
        uint8 [3, height, width], on the CPU.
    """
    factor = max(1, _TILE_PX // images.shape[-1])
    tiles = images.cpu().repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    columns = min(len(tiles), columns or ceil(sqrt(len(tiles))))
    rows = ceil(len(tiles) / columns)
    blank = torch.full((rows * columns - len(tiles), *tiles.shape[1:]), _GREY, dtype=torch.uint8)
    tiles = F.pad(torch.cat([tiles, blank]), (0, _GAP_PX, 0, _GAP_PX), value=_GREY)
    _, channels, height, width = tiles.shape
    page = tiles.view(rows, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return page.reshape(channels, rows * height, columns * width)[:, :-_GAP_PX, :-_GAP_PX]
