"""Tables of labels: the class of each validation image, where val/ is flat.

Every publisher of ImageNet has a table of its own; here they all become plain dictionaries.
"""

import csv
import io
import re
from pathlib import Path
from typing import IO

from sagan.data.archives import ArchiveRefused, open_archive

WNID = re.compile(r"n\d{8}")
TRUTH = "ILSVRC2012_validation_ground_truth.txt"
VAL_NAME = "ILSVRC2012_val_{:08d}.JPEG"
# the real ones hold 2.5 MB together
_DEVKIT_FILE_BYTES = 64 << 20


def read_val_labels(path: Path) -> dict[str, str]:
    """Class of each validation image by file name, out of any of the published tables.

    Args:
        path: The devkit (archive or folder), Kaggle's LOC_val_solution.csv, Tiny ImageNet's
            val_annotations.txt, or lines of `file,class`.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if it is none of these.
    """
    if not path.exists():
        raise FileNotFoundError(f"acquisition.val_labels: '{path}' does not exist")
    if path.is_dir() or path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return read_devkit(path)[0]
    text = path.read_text(encoding="utf-8-sig")
    if path.name == TRUTH:
        raise ValueError(
            f"'{path}' gives numbers whose classes stand in the devkit's meta.mat: "
            "name the devkit (its archive or its folder) instead"
        )
    rows = [re.split(r"[,\t]", line.strip(), maxsplit=2) for line in text.splitlines()]
    rows = [row for row in rows if len(row) >= 2 and row[0] not in ("ImageId", "file")]
    if not rows:
        raise ValueError(f"'{path}' holds no line of 'file,class'")
    # Kaggle's second field is the class and its boxes: 'n02002556 10 20 30 40 ...'
    return {row[0].strip(): row[1].split()[0] for row in rows}


def read_solution(path: Path) -> dict[str, str]:
    """Kaggle's LOC_val_solution.csv: class by image name without suffix."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return {row["ImageId"]: row["PredictionString"].split()[0] for row in csv.DictReader(file)}


def read_devkit(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The ILSVRC-2012 development kit: labels of val and names of the classes.

    Args:
        path: `ILSVRC2012_devkit_t12.tar.gz`, or the folder that it becomes.

    Returns:
        Class by validation file name; human names by class.

    Raises:
        ValueError: if the two files that are needed are not in it, or not sound.
    """
    meta, truth = _devkit_files(path)
    by_number, titles = _read_meta(meta, path)
    try:
        numbers = [int(line) for line in truth.decode().split()]
        labels = {VAL_NAME.format(n): by_number[k] for n, k in enumerate(numbers, start=1)}
    except (ValueError, KeyError) as error:
        raise ValueError(f"'{path}': {TRUTH} holds {error}, which is no class of it") from error
    return labels, titles


def _devkit_files(path: Path) -> tuple[bytes, bytes]:
    """Contents of meta.mat and of the validation ground truth."""
    found: dict[str, bytes] = {}
    if path.is_dir():
        for name in ("meta.mat", TRUTH):
            places = sorted(path.rglob(name))
            found |= {name: places[0].read_bytes()} if places else {}
    else:
        with open_archive(path) as archive:
            for entry in archive.entries:
                name = entry.name.rpartition("/")[2]
                if name in ("meta.mat", TRUTH) and name not in found:
                    if entry.size_bytes > _DEVKIT_FILE_BYTES:
                        raise ArchiveRefused(
                            f"'{path}': {entry.name} declares {entry.size_bytes:,} bytes"
                        )
                    found[name] = archive.open(entry).read()
    missing = [name for name in ("meta.mat", TRUTH) if name not in found]
    if missing:
        raise ValueError(
            f"'{path}' is not the ILSVRC-2012 devkit for the classification task "
            f"(ILSVRC2012_devkit_t12.tar.gz): no {' and no '.join(missing)} in it"
        )
    return found["meta.mat"], found[TRUTH]


def _read_meta(content: bytes, path: Path) -> tuple[dict[int, str], dict[str, str]]:
    """Class by ILSVRC2012_ID, and human names; only of the leaves, which are the classes."""
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
