"""TensorBoard: the journal's numbers and the collapse monitor's images as event files.

`tensorboard --logdir <folder of runs>` shows them in the browser, at 127.0.0.1 unless told
otherwise. The journal is the record of a run; these files are for viewing only.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor

logger = logging.getLogger(__name__)

_FLUSH_SECONDS = 10
_GAP_PX, _GREY = 2, 127
_TILE_PX = 64  # smaller images are enlarged, by an integer factor, to about this side


class TensorBoardWriter:
    """Writes one run's event files.

    If TensorBoard is missing or a write fails, it warns once and training continues without it.
    """

    def __init__(self, folder: Path, *, purge_step: int | None, enabled: bool = True) -> None:
        """Open a new event file.

        Args:
            folder: of the event files, created if missing.
            purge_step: first step of a resumed run; earlier events of this and later steps are
                hidden. None: the run is new.
            enabled: whether to write anything.
        """
        self._writer: Any = None
        if not enabled:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            logger.warning(
                "no event files for TensorBoard: %s (`pip install tensorboard`); training "
                "continues without them, and the journal has all numbers",
                error,
            )
            return
        with self._disable_on_error():
            self._writer = SummaryWriter(
                str(folder), purge_step=purge_step, flush_secs=_FLUSH_SECONDS
            )

    def scalars(self, record: Mapping[str, Any], step: int) -> None:
        """Write the finite numbers of a journal record, grouped; events are skipped."""
        if self._writer is None:
            return
        with self._disable_on_error():
            for name, value in numbers(record).items():
                self._writer.add_scalar(name, value, step)

    def results(self, parameters: Mapping[str, Any], scores: Mapping[str, float]) -> None:
        """Write the parameters with the final scores, for the page of hyperparameters."""
        if self._writer is not None:
            with self._disable_on_error():
                self._writer.add_hparams(dict(parameters), dict(scores), run_name=".")

    def images(self, name: str, images: Tensor, step: int, *, columns: int) -> None:
        """Write images as one grid.

        Args:
            name: of the grid.
            images: uint8 [N, C, H, W].
            step: of the run.
            columns: images in a row; N is a multiple of it.
        """
        if self._writer is not None:
            with self._disable_on_error():
                self._writer.add_image(name, grid(images, columns).numpy(), step)

    def close(self) -> None:
        """Write what is buffered and close the file."""
        if self._writer is not None:
            with self._disable_on_error():
                self._writer.close()

    @contextmanager
    def _disable_on_error(self) -> Iterator[None]:
        """On a failed write, warn and stop writing."""
        try:
            yield
        except OSError as error:
            logger.warning("event files for TensorBoard end here: %s; training continues", error)
            self._writer = None


def numbers(record: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a journal record, by their tags; of an event none."""
    if "event" in record:
        return {}
    return {
        tag(name): value
        for name, value in record.items()
        if isinstance(value, int | float)
        and not isinstance(value, bool)
        and isfinite(value)
        and name != "step"
    }


def tag(name: str) -> str:
    """TensorBoard's tag of a number in the journal: '<group>/<name>'."""
    if "/" in name:
        return name
    for ending, group in (("_loss", "losses"), ("_logits", "logits")):
        if name.endswith(ending):
            return f"{group}/{name.removesuffix(ending)}"
    return f"watch/{name}" if name.startswith(("diversity", "margin")) else f"run/{name}"


def grid(images: Tensor, columns: int) -> Tensor:
    """Arrange images in a grid with grey gaps.

    Args:
        images: uint8 [N, C, H, W], N a multiple of columns; small ones are enlarged by pixels.
        columns: images in a row.

    Returns:
        uint8 [C, height, width], on the CPU.
    """
    factor = max(1, _TILE_PX // images.shape[-1])
    tiles = images.cpu().repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    tiles = F.pad(tiles, (0, _GAP_PX, 0, _GAP_PX), value=_GREY)
    _, channels, height, width = tiles.shape
    page = tiles.view(-1, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return page.reshape(channels, -1, columns * width)[:, :-_GAP_PX, :-_GAP_PX]
