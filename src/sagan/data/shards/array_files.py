"""Writing .npy files row by row, with their checksum taken on the way."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sagan.common.files import replacing_file
from sagan.data.shards.store import ArrayFile


class ArrayWriter:
    """A .npy file that grows: one row is in memory, not the whole."""

    def __init__(self, file: IO[bytes], name: str, shape: tuple[int, ...], dtype: str) -> None:
        """Write the header of a file that will hold `shape`."""
        self._file, self._name, self._images = file, name, shape[0]
        self._hash, self._bytes = hashlib.sha256(), 0
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": dtype, "fortran_order": False, "shape": shape}
        )
        self._write(header.getbuffer())

    def write(self, rows: NDArray[Any]) -> None:
        """Append rows; contiguous."""
        self._write(rows.data)

    def written(self) -> ArrayFile:
        """What the index says of the file, once all rows are in."""
        return ArrayFile(self._name, self._images, self._bytes, self._hash.hexdigest())

    def _write(self, part: memoryview) -> None:
        self._file.write(part)
        self._hash.update(part)
        self._bytes += part.nbytes


@contextmanager
def array_file(path: Path, shape: tuple[int, ...], dtype: str) -> Iterator[ArrayWriter]:
    """A writer for a .npy file that appears, whole, at the end of the block."""
    with replacing_file(path) as temporary, temporary.open("wb") as file:
        yield ArrayWriter(file, path.name, shape, dtype)
