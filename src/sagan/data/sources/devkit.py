"""The ILSVRC-2012 development kit: labels of the validation images and titles of the classes."""

import io
import re
from pathlib import Path
from typing import IO

from sagan.data.archives.checksums import verify_checksum
from sagan.data.archives.members import ArchiveError, open_archive

WNID = re.compile(r"n\d{8}")
NAMED, META = "ILSVRC2012_devkit_t12", "meta.mat"
TRUTH = "ILSVRC2012_validation_ground_truth.txt"
VAL_NAME = "ILSVRC2012_val_{:08d}.JPEG"
# the real ones hold 2.5 MB together
_DEVKIT_FILE_BYTES = 64 << 20


def is_devkit(path: Path) -> bool:
    """Whether an existing path is the devkit, its archive or its folder."""
    return path.is_dir() or path.name.endswith((".tar.gz", ".tgz", ".tar"))


def read_devkit(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Read the labels of val and the titles of the classes.

    Args:
        path: `ILSVRC2012_devkit_t12.tar.gz`, or the folder that it becomes.

    Returns:
        Class by validation file name; titles by class.

    Raises:
        ValueError: if one of the two needed files is missing or not valid.
    """
    meta, truth = _devkit_files(path)
    by_number, titles = read_meta(meta, path)
    try:
        numbers = [int(line) for line in truth.decode().split()]
        labels = {VAL_NAME.format(n): by_number[k] for n, k in enumerate(numbers, start=1)}
    except (ValueError, KeyError) as error:
        raise ValueError(f"'{path}': {TRUTH} has {error}, which is none of its classes") from error
    return labels, titles


def _devkit_files(path: Path) -> tuple[bytes, bytes]:
    """Contents of meta.mat and of the validation ground truth."""
    found: dict[str, bytes] = {}
    if path.is_dir():
        for name in (META, TRUTH):
            places = sorted(path.rglob(name))
            found |= {name: places[0].read_bytes()} if places else {}
    else:
        verify_checksum(path)
        with open_archive(path) as members:
            for member in members:
                name = member.name.rpartition("/")[2]
                if name in (META, TRUTH) and name not in found:
                    if member.size_bytes > _DEVKIT_FILE_BYTES:
                        raise ArchiveError(
                            f"'{path}': {member.name} declares {member.size_bytes:,} bytes"
                        )
                    found[name] = member.open().read()
    missing = [name for name in (META, TRUTH) if name not in found]
    if missing:
        raise ValueError(
            f"'{path}' is not the ILSVRC-2012 devkit for the classification task "
            f"(ILSVRC2012_devkit_t12.tar.gz): no {' and no '.join(missing)} in it"
        )
    return found[META], found[TRUTH]


def read_meta(content: bytes, path: Path) -> tuple[dict[int, str], dict[str, str]]:
    """Class by ILSVRC2012_ID, and titles; only of the leaves, which are the classes.

    Args:
        content: The file's bytes.
        path: Its origin, for messages.

    Raises:
        ValueError: if it is no meta.mat of the devkit.
    """
    from scipy.io import loadmat

    file: IO[bytes] = io.BytesIO(content)
    try:
        synsets = loadmat(file, squeeze_me=True, struct_as_record=True)["synsets"]
        leaves = [row for row in synsets.ravel() if int(row["num_children"]) == 0]
        by_number = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in leaves}
        titles = {str(row["WNID"]): str(row["words"]) for row in leaves}
    except Exception as error:  # a parser fed with garbage may raise anything
        raise ValueError(f"'{path}': its meta.mat cannot be read: {error}") from error
    if not by_number or not all(WNID.fullmatch(wnid) for wnid in titles):
        raise ValueError(f"'{path}': its meta.mat names no classes such as n01440764")
    return by_number, titles
