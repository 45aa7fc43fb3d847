"""Datasets of folders: a node gets a small object bound to a path, never the bytes.

A folder of images or shards is represented by a small JSON file beside it (path and facts), so that
Kedro sees one file, and `--only-missing-outputs` cannot take an incomplete folder for a complete
one.
"""

import atexit
import os
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from pkgutil import resolve_name
from typing import Any, ClassVar

from kedro.utils import find_kedro_project
from kedro_datasets._typing import JSONPreview

from sagan.common.files import restore_folder
from sagan.common.results import replace_folder
from sagan.datasets.base import DATA_REMEDY, TRAIN_REMEDY, FileDataset, LocalDataset, require_local
from sagan.datasets.text_datasets import JSONDataset, json_preview, parse_json


class HandleDataset(JSONDataset):
    """A handle as JSON: `path` (relative inside the project, else absolute) and its facts."""

    REMEDY = DATA_REMEDY
    HANDLE: ClassVar[str]
    """Import path of the class with `open(path)`; imported on use, since it may import torch."""

    def __init__(self, *, filepath: str, **options: Any) -> None:  # noqa: ANN401
        """Bind the dataset to its file.

        Args:
            filepath: The JSON file, of this disk as the folder is.
            **options: Of `AtomicDataset`.

        Raises:
            ValueError: for an address.
        """
        require_local(filepath, type(self).__name__)
        super().__init__(filepath=filepath, **options)

    def facts(self) -> dict[str, Any] | None:
        """What the file records of the folder, without opening the folder; None without a file."""
        return dict(JSONDataset.read(self, self.filepath)) if self.exists() else None

    def read(self, path: Path) -> Any:  # noqa: ANN401 - an object of the handle's class
        """Open the handle.

        Raises:
            ValueError: when the JSON has no path; whatever the handle's own check raises.
        """
        record = super().read(path)
        if not isinstance(record, dict) or not isinstance(record.get("path"), str):
            raise ValueError(f"{path} has no 'path'; run the pipeline that writes it again")
        folder = Path(os.path.normpath(path.parent / record["path"]))
        return resolve_name(self.HANDLE).open(folder)

    def write(self, path: Path, data: Any) -> None:  # noqa: ANN401 - a Handle with facts
        """Write the handle's path and facts."""
        super().write(path, {**data.facts(), "path": _portable(data.path, path.parent.resolve())})


def _portable(path: Path, folder: Path) -> str:
    """The path as it holds in another clone: relative if inside the project or data folders."""
    path = path.resolve()
    if path.is_relative_to(find_kedro_project(folder) or folder.parent):
        return Path(os.path.relpath(path, folder)).as_posix()
    return path.as_posix()


class ImageFolderDataset(HandleDataset):
    """An image folder, `train/<class>/*` and optionally `val/<class>/*`."""

    HANDLE = "sagan.data.image_folder:ImageFolder"

    def read(self, path: Path) -> Any:  # noqa: ANN401 - an ImageFolder
        """Open the folder, and say whether it is of a published set."""
        published = JSONDataset.read(self, path).get("published", True)  # 0.1.0 did not record it
        return replace(super().read(path), published=published)


class ShardStoreDataset(HandleDataset):
    """Preprocessed uint8 images in shards that training reads by memory map.

    With an `address` the store was published by another machine: the first load copies it into
    `shards/<key>` beside the file.
    """

    HANDLE = "sagan.data.shards.store:ShardStore"

    def __init__(self, *, address: str | None = None, **options: Any) -> None:  # noqa: ANN401
        """Bind the dataset to its file.

        Args:
            address: A published store's folder, as fsspec writes it: `s3://bucket/shards/<key>`.
            **options: Of `AtomicDataset`.
        """
        super().__init__(**options)
        self.address = address

    def load(self) -> Any:  # noqa: ANN401 - a ShardStore, whose import costs numpy
        """Open the store, copied from its address first where it has one.

        Raises:
            DatasetError: when it is missing or damaged, locally or at its address.
        """
        if self.address is None:
            return super().load()
        from sagan.data.shards.transfer import fetch_store

        return fetch_store(self.address, Path(self._filepath).parent / "shards")

    def facts(self) -> dict[str, Any] | None:
        """The file's record; None with an address, since it would be of other shards."""
        return None if self.address is not None else super().facts()

    def _exists(self) -> bool:
        return self.address is not None or super()._exists()


class GeneratorBundleDataset(FileDataset):
    """A folder with a trained generator and everything that sampling needs."""

    REMEDY = TRAIN_REMEDY

    def load(self) -> Any:  # noqa: ANN401 - a GeneratorBundle, whose import costs torch
        """Open the bundle; one at an address is copied to a temporary folder first.

        Raises:
            DatasetError: when it is missing or damaged.
        """
        from sagan.bundle.generator_bundle import GeneratorBundle

        if (self._version or not self.is_local) and not self.exists():
            raise self._missing()
        if self.is_local:
            restore_folder(self.filepath)
            return GeneratorBundle.open(self.filepath)
        temporary = tempfile.TemporaryDirectory(prefix="sagan-generator-")
        atexit.register(temporary.cleanup)  # the bundle reads its weights when they are asked for
        folder = Path(temporary.name)
        remote = self._remote(self._get_load_path())
        for path in self._fs.find(remote):
            copy = folder / PurePosixPath(path).relative_to(remote.lstrip("/"))
            copy.parent.mkdir(parents=True, exist_ok=True)
            self._fs.get_file(path, str(copy))
        return GeneratorBundle.open(folder)

    def save(self, data: Any) -> None:  # noqa: ANN401 - a GeneratorBundle, whose import costs torch
        """Copy the bundle's folder, whole or not at all; a former one that was changed is kept."""
        target = self._get_save_path()
        if self.is_local:
            replace_folder(Path(data.path), Path(target))
            return
        source = Path(data.path)
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        # the description last: it makes a bundle of the files, and has the checksum of the weights
        for path in sorted(files, key=lambda path: path.name == "config.json"):
            self.upload(path, target / path.relative_to(source).as_posix())

    def preview(self) -> JSONPreview:
        """The bundle's configuration for Kedro-Viz."""
        with self.local_copy() as folder:
            config = folder / "config.json"
            return json_preview(parse_json(config.read_text(encoding="utf-8"), str(config)))

    def _exists(self) -> bool:
        folder = self._get_load_path()
        if not self.is_local:
            return self._remote_exists(self._remote(folder / "config.json"))
        restore_folder(Path(folder))
        return (Path(folder) / "config.json").is_file()


class WorkspaceDataset(LocalDataset):
    """A folder that a pipeline's nodes write into themselves; it loads as its path."""

    def load(self) -> Path:
        """Make the folder if need be and return its path."""
        self.filepath.mkdir(parents=True, exist_ok=True)
        return self.filepath


class JSONFolderDataset(LocalDataset):
    """Every `<name>.json` of a folder, as a dictionary by name; read-only."""

    def load(self) -> dict[str, Any]:
        """Parse every document.

        Raises:
            DatasetError: when the folder is missing or a file is not JSON.
        """
        if not self.filepath.is_dir():
            raise FileNotFoundError(f"{self.filepath} does not exist: expected a folder of JSON")
        return {
            path.stem: parse_json(path.read_text(encoding="utf-8"), str(path), "correct the file")
            for path in sorted(self.filepath.glob("*.json"))
        }
