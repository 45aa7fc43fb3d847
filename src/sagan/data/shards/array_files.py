"""Writing .npy files row by row, with their checksum computed on the way."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sagan.common.files import HashingWriter, replacing_file
from sagan.data.shards.store import ArrayFile


class ArrayWriter:
    """A .npy file that grows: one row is in memory, not the whole array."""

    def __init__(self, file: BinaryIO, name: str, shape: tuple[int, ...], dtype: str) -> None:
        """Write the header of a file that will hold `shape`."""
        self._file, self._name, self._images = HashingWriter(file), name, shape[0]
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": dtype, "fortran_order": False, "shape": shape}
        )
        self._file.write(header.getvalue())

    def write(self, rows: NDArray[Any]) -> None:
        """Append rows; contiguous."""
        self._file.write(rows.data)

    def written(self) -> ArrayFile:
        """The file's entry in the index, once all rows are in."""
        return ArrayFile(self._name, self._images, self._file.size_bytes, self._file.sha256())


@contextmanager
def array_file(path: Path, shape: tuple[int, ...], dtype: str) -> Iterator[ArrayWriter]:
    """A writer for a .npy file that appears at the end of the block."""
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        yield ArrayWriter(file, path.name, shape, dtype)
