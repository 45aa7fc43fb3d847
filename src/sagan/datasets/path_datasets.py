"""Heavy artefacts: what passes between stations is a small object bound to a path, never the bytes.

A folder of images or shards is named by a small JSON beside it (its place and its facts), so that
Kedro sees one file, and `--only-missing-outputs` cannot take a half-written folder for a whole one.
"""

import os
from abc import abstractmethod
from pathlib import Path
from typing import Any, Protocol, Self

from kedro.io import AbstractDataset
from kedro.utils import find_kedro_project
from kedro_datasets._typing import JSONPreview

from sagan.common.files import replace_folder, restore_folder
from sagan.datasets.text_datasets import JSONDataset, json_preview, parse_json


class Handle(Protocol):
    """A small object bound to a path; `ImageFolder`, `ShardStore` and `GeneratorBundle` are."""

    @property
    def path(self) -> Path:
        """Where the artefact lies."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Check what lies at the path and bind to it."""


class HandleDataset(JSONDataset):
    """A handle as JSON: `path` (relative inside the project, else absolute) and its facts."""

    @abstractmethod
    def handle_class(self) -> type[Handle]:
        """The class to open the path with; imported here, since it may import torch."""

    def read(self, path: Path) -> Handle:
        """Open the handle.

        Raises:
            ValueError: when the JSON names no path; whatever the handle's own check raises.
        """
        record = super().read(path)
        if not isinstance(record, dict) or not isinstance(record.get("path"), str):
            raise ValueError(f"{path} has no 'path'; run the station that writes it again")
        place = Path(os.path.normpath(path.parent / record["path"]))
        return self.handle_class().open(place)

    def write(self, path: Path, data: Any) -> None:  # noqa: ANN401 - a Handle with facts
        """Write the handle's place and facts."""
        super().write(path, {**data.facts(), "path": self._portable(data.path)})

    def preview(self) -> JSONPreview:
        """The facts for Kedro-Viz."""
        return json_preview(JSONDataset.read(self, self._filepath))

    def _portable(self, place: Path) -> str:
        """A path that holds in another clone: relative inside the project, or the data folders."""
        folder = self._filepath.parent.resolve()
        place = place.resolve()
        if place.is_relative_to(find_kedro_project(folder) or folder.parent):
            return Path(os.path.relpath(place, folder)).as_posix()
        return place.as_posix()


class ImageFolderDataset(HandleDataset):
    """An image folder, `train/<class>/*` and optionally `val/<class>/*`."""

    def handle_class(self) -> type[Handle]:
        """`sagan.data.image_folder.ImageFolder`."""
        from sagan.data.image_folder import ImageFolder

        return ImageFolder


class ShardStoreDataset(HandleDataset):
    """Preprocessed uint8 images in shards that training reads by memory map.

    With an `address` the store is another machine's, published there: it is copied beside the
    file, into `shards/<key>`, when it is first asked for.
    """

    def __init__(
        self, *, filepath: str, address: str | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Bind the dataset to its file.

        Args:
            filepath: The JSON that names the store; made absolute to the project by Kedro.
            address: A published store's folder, as fsspec writes it: `s3://bucket/shards/<key>`.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        super().__init__(filepath=filepath, metadata=metadata)
        self._address = address

    @property
    def address(self) -> str | None:
        """Where the store was published, if it is another machine's."""
        return self._address

    def load(self) -> Any:  # noqa: ANN401 - a ShardStore, whose import costs numpy
        """Open the store, once it is here.

        Raises:
            DatasetError: when it is missing or damaged, here or at its address.
        """
        if self._address is None:
            return super().load()
        from sagan.data.shards.transfer import fetch_store

        return fetch_store(self._address, self._filepath.parent / "shards")

    def _exists(self) -> bool:
        return self._address is not None or super()._exists()

    def handle_class(self) -> type[Handle]:
        """`sagan.data.shards.store.ShardStore`."""
        from sagan.data.shards.store import ShardStore

        return ShardStore


class GeneratorBundleDataset(AbstractDataset[Any, Any]):  # type: ignore[misc]
    """A folder with a trained generator and all that sampling needs to know of it."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Bind the dataset to its folder.

        Args:
            filepath: The bundle's folder.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        self._filepath = Path(filepath)
        self.metadata = metadata

    @property
    def filepath(self) -> Path:
        """The bundle's folder."""
        return self._filepath

    def load(self) -> Any:  # noqa: ANN401 - a GeneratorBundle, whose import costs torch
        """Open the bundle.

        Raises:
            DatasetError: when it is missing or damaged.
        """
        from sagan.bundle.generator_bundle import GeneratorBundle

        restore_folder(self._filepath)
        return GeneratorBundle.open(self._filepath)

    def save(self, data: Any) -> None:  # noqa: ANN401 - a GeneratorBundle, whose import costs torch
        """Copy the bundle's folder, with all else in it, here, whole or not at all."""
        replace_folder(Path(data.path), self._filepath)

    def preview(self) -> JSONPreview:
        """The bundle's configuration for Kedro-Viz."""
        config = self._filepath / "config.json"
        return json_preview(parse_json(config.read_text(encoding="utf-8"), str(config)))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        restore_folder(self._filepath)
        return (self._filepath / "config.json").is_file()


class WorkspaceDataset(AbstractDataset[Any, Path]):  # type: ignore[misc]
    """A folder for a station to work in: it loads as its path, made if need be."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Bind the dataset to its folder.

        Args:
            filepath: The folder.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Path:
        """Make the folder and return its path."""
        self._filepath.mkdir(parents=True, exist_ok=True)
        return self._filepath

    def save(self, data: Any) -> None:  # noqa: ANN401 - refused whatever it is
        """Refuse: a station writes into its workspace itself."""
        raise ValueError(
            f"{self._filepath} is a folder that its station writes into; nodes cannot save to it: "
            f"got {type(data).__name__}"
        )

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return self._filepath.is_dir()
