"""Tables of labels of images without class folders, in the formats that people publish."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sagan.common.text import read_text, visible
from sagan.data.folder_names import files_below, first_five
from sagan.data.sources.devkit import TRUTH, is_devkit, read_devkit

DATASET_JSON = "dataset.json"  # of NVIDIA's tools
_KAGGLE_HEADER = ["ImageId", "PredictionString"]
_MAX_NAME_BYTES = 255
_SIGNS = {",": "comma", ";": "semicolon", "\t": "tab"}
_HEADERS = frozenset({"ImageId", "file", "filename", "file_name", "image", "path"})


def read_labels(path: Path, parameter: str = "val_labels") -> dict[str, str] | None:
    """Class of each image by file name or path, from any of the published tables.

    Args:
        path: The devkit (archive or folder), Kaggle's LOC_val_solution.csv, Tiny ImageNet's
            val_annotations.txt, NVIDIA's dataset.json, or CSV lines of `file,class`
            (also separated by tabs or semicolons; a name may have spaces and be quoted).
        parameter: The one of acquisition that names it, for messages.

    Returns:
        None if the table says that the images have no labels.

    Raises:
        FileNotFoundError: if it is missing.
        ValueError: if it is none of these formats.
    """
    if not path.exists():
        raise FileNotFoundError(f"acquisition.{parameter}: '{path}' does not exist")
    if is_devkit(path):
        return read_devkit(path)[0]
    text = read_text(path)
    if path.name == TRUTH:
        raise ValueError(
            f"'{path}' gives numbers whose classes are in the devkit's meta.mat: "
            "name the devkit (its archive or its folder) instead"
        )
    return _from_json(path, text) if path.suffix == ".json" else _from_lines(path, text)


def read_cls_files(folder: Path) -> dict[str, str]:
    """Class by path below the folder in an extracted WebDataset: `<key>.cls` has `<key>.jpg`'s.

    A key ends at a name's first point (`<key>.label.cls`, `<key>.image.jpg`); where programs do not
    know this rule, at the last.

    Returns:
        Nothing where there are no such files.

    Raises:
        ValueError: if the labels are not all numbers or all names.
    """
    found: dict[str, int | str] = {}
    for path in folder.rglob("*.cls"):
        text = path.read_text("utf-8", errors="replace").strip()
        key = path.relative_to(folder).as_posix().removesuffix(".cls")
        found[key] = int(text) if text.isdecimal() else text
    keys = as_classes(folder, found)
    keys = {_key(name): of_class for name, of_class in keys.items()} | keys
    below = [p.relative_to(folder).as_posix() for p in (files_below(folder) if keys else [])]
    named = ((name, name.rpartition(".")[0]) for name in below)
    classes = ((name, keys.get(stem) or keys.get(_key(name))) for name, stem in named)
    return {name: of_class for name, of_class in classes if of_class is not None}


def _key(name: str) -> str:
    """A path without what follows the first point of the file's name."""
    folder, slash, file = name.rpartition("/")
    return folder + slash + file.partition(".")[0]


def as_classes(table: Path, labels: Mapping[str, Any]) -> dict[str, str]:
    """Labels as names of class folders: numbers get zeros in front, so that they keep their order.

    Args:
        table: Where they were found, for messages.
        labels: All of them numbers from 0, or all of them names.

    Raises:
        ValueError: if they are something else, or names that no folder can have.
    """
    numbers = [value for value in labels.values() if type(value) is int and value >= 0]
    if labels and len(numbers) == len(labels):
        digits = len(str(max(numbers)))
        return {image: f"{number:0{digits}d}" for image, number in labels.items()}
    for name, value in labels.items():
        if not isinstance(value, str):
            raise ValueError(
                f"'{table}' has labels that are neither all whole numbers from 0 nor all names: "
                f"{value!r} of '{name}'"
            )
    values = set(labels.values())
    wrong_names = {name[:60] for name in values if not _may_be_folder(name)}
    if wrong_names:
        raise ValueError(
            f"'{table}' has classes that cannot be names of folders: "
            f"{first_five(sorted(wrong_names))}"
        )
    return dict(labels)


def _may_be_folder(name: str) -> bool:
    short = len(name.encode()) <= _MAX_NAME_BYTES
    return short and name[:1] not in {"", "."} and not {"/", "\\", "\0"} & {*name}


def folder_of(labels: Path | None) -> list[Path]:
    """Folder of a table of labels, or of the devkit, where titles of classes may be too."""
    if labels is None:
        return []
    return [labels if labels.is_dir() else labels.parent]


def _from_json(path: Path, text: str) -> dict[str, str] | None:
    """Labels of NVIDIA's dataset.json; its null says that there are none."""
    try:
        pairs = json.loads(text)["labels"]
        labels = None if pairs is None else [(str(name), label) for name, label in pairs]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"'{path}' is not a table of labels: {type(error).__name__}: {error}; expected "
            '{"labels": [["0001.png", 3], ...]}, as NVIDIA\'s dataset.json; '
            "rename it if it is something else"
        ) from error
    return None if labels is None else as_classes(path, _one_label_each(path, labels))


def _from_lines(path: Path, text: str) -> dict[str, str]:
    """Labels of CSV lines, and of Kaggle's and Tiny ImageNet's tables."""
    delimiter = next((sign for sign in "\t,;" if sign in text.partition("\n")[0]), ",")
    try:
        lines = io.StringIO(text, newline="")
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True))
    except csv.Error as error:
        raise ValueError(f"'{path}' is not a table of 'file,class': {error}") from error
    kaggle = rows[:1] == [_KAGGLE_HEADER]
    named = [row for row in rows if len(row) >= 2 and row[1].strip() and row[0] not in _HEADERS]
    if not named:
        raise ValueError(f"'{path}' has no line of 'file,class'")
    fields = [len(row) for row in named]
    if min(fields) != max(fields):
        longest = ", ".join(named[fields.index(max(fields))])
        raise ValueError(
            f"'{path}' has lines of {min(fields)} and of {max(fields)} fields, such as "
            f"{visible(longest)}; put a name with a {_SIGNS.get(delimiter, delimiter)} in quotes"
        )
    # Kaggle's second field is the class and its boxes: 'n02002556 10 20 30 40 ...'
    labels = ((row[0].strip(), row[1].split()[0] if kaggle else row[1].strip()) for row in named)
    return as_classes(path, _one_label_each(path, labels))


def _one_label_each(path: Path, labels: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    twice = [name for name, label in labels if found.setdefault(name, label) != label]
    if twice:
        raise ValueError(f"'{path}' has two different labels of {first_five(twice)}")
    return found
