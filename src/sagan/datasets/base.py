"""Base classes: a local path, a file or folder anywhere; where any dataset keeps its artefact."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from kedro.io import AbstractDataset, AbstractVersionedDataset, CachedDataset, Version
from kedro.io.core import VersionNotFoundError, get_filepath_str, get_protocol_and_path

from sagan.common.addresses import is_address, mask_secrets
from sagan.common.files import display_path, replacing_file

TRAIN_REMEDY = (
    "`kedro run --pipeline=train`, with the same --env if any, runs them in order, up to the "
    "samples"
)
# of images and shards: no training, which may take days and replaces the generator
DATA_REMEDY = (
    "`kedro run --pipelines=acquisition,data_validation,preprocessing`, with the same --env if "
    "any, runs them in order, up to the shards"
)


def require_local(filepath: str, kind: str) -> None:
    """Refuse an address where only a path of this disk makes sense.

    Raises:
        ValueError: naming the class of the dataset.
    """
    if is_address(filepath):
        raise ValueError(f"{kind} is of this disk; got filepath {mask_secrets(filepath)}")


def _by_name(arguments: dict[str, Any]) -> dict[str, Any]:
    """A dataset's arguments, of those that Kedro gathers where `__init__` is inherited too."""
    named = {name: value for name, value in arguments.items() if name != "args"}
    for gathered in ("kwargs", "options"):
        named |= named.pop(gathered, {})
    return named


class LocalDataset(AbstractDataset[Any, Any]):  # type: ignore[misc]
    """A dataset bound to one file or folder of the local disk, without versions."""

    _init_args: dict[str, Any]  # which Kedro keeps

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Bind the dataset to its path.

        Args:
            filepath: The file or folder; made absolute to the project by Kedro.
            version: Of Kedro's `versioned: true`, which is refused.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.

        Raises:
            ValueError: for an address, or versions.
        """
        require_local(filepath, type(self).__name__)
        if version is not None:
            raise ValueError(f"{type(self).__name__} has no versions: remove 'versioned'")
        self.filepath = Path(filepath)
        self.metadata = metadata

    def save(self, data: Any) -> None:  # noqa: ANN401 - refused whatever it is
        """Refuse to save; subclasses that nodes may save to override this."""
        raise ValueError(f"nodes cannot save to {self.filepath}; got {type(data).__name__}")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self.filepath)}

    def _init_config(self) -> dict[str, Any]:
        self._init_args = _by_name(self._init_args)
        return dict(super()._init_config())

    def _exists(self) -> bool:
        return self.filepath.exists()


class FileDataset(AbstractVersionedDataset[Any, Any]):  # type: ignore[misc]
    """A file or folder of this disk or at an address of fsspec, with Kedro's versions if asked."""

    REMEDY: ClassVar[str] = (
        "`kedro registry list` names the pipelines, conf/base/catalog_<pipeline>.yml what each "
        "writes"
    )
    """What makes a missing artefact."""

    _init_args: dict[str, Any]  # which Kedro keeps

    def __init__(
        self,
        *,
        filepath: str,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Bind the dataset to its path or address.

        Args:
            filepath: A path, made absolute to the project by Kedro, or `s3://bucket/key`.
            version: Of Kedro's `versioned: true`.
            credentials: Of the address, for fsspec.
            fs_args: Further arguments of fsspec's file system.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        self._protocol, path = get_protocol_and_path(filepath, version)
        self._fs_args = {**(credentials or {}), **(fs_args or {})}
        self.is_local = self._protocol == "file"
        self.metadata = metadata
        remote = None if self.is_local else (self._remote_exists, self._remote_glob)
        super().__init__(PurePosixPath(path), version, *(remote or ()))

    @property
    def filepath(self) -> Path:
        """The path of this disk that a load reads.

        Raises:
            AttributeError: where it is at an address, or has no version yet: plugins, such as
                Kedro-Viz after each node, ask whether a dataset has this attribute.
        """
        if not self.is_local:
            raise AttributeError(f"{self.location()} is not on this disk")
        try:
            return Path(self._get_load_path())
        except VersionNotFoundError as error:
            raise AttributeError(f"{self.location()} has no version yet") from error

    def location(self) -> str:
        """What a load reads, for a message: a path, or an address."""
        try:
            path = self._get_load_path()
        except VersionNotFoundError:
            path = self._filepath
        return str(display_path(Path(path))) if self.is_local else self._address(path)

    def remove(self) -> None:
        """Delete what a load would read; kept versions stay."""
        if self._version is None and self.exists():
            if self.is_local:
                self.filepath.unlink()
            else:
                self._fs.rm(self._remote(self._filepath))

    @contextmanager
    def local_copy(self) -> Iterator[Path]:
        """A path of this disk with what a load reads; a temporary copy of an address."""
        path = self._get_load_path()
        if self.is_local:
            yield Path(path)
            return
        with tempfile.TemporaryDirectory(prefix="sagan-") as folder:
            copy = Path(folder) / path.name
            self._fs.get(self._remote(path), str(copy), recursive=True)
            yield copy

    @contextmanager
    def replacement(self) -> Iterator[Path]:
        """A temporary path; what is written there takes the place of what is saved."""
        path = self._get_save_path()
        if self.is_local:
            with replacing_file(Path(path)) as temporary:
                yield temporary
            return
        with tempfile.TemporaryDirectory(prefix="sagan-") as folder:
            temporary = Path(folder) / path.name
            yield temporary
            self.upload(temporary, path)

    def upload(self, source: Path, target: PurePosixPath) -> None:
        """Copy a file to the address; stores of objects replace it whole."""
        self._fs.put_file(str(source), self._remote(target))
        self._fs.invalidate_cache(self._remote(target.parent))

    @cached_property
    def _fs(self) -> Any:  # noqa: ANN401 - fsspec's
        import fsspec

        return fsspec.filesystem(self._protocol, **self._fs_args)

    def _remote(self, path: PurePosixPath) -> str:
        return str(get_filepath_str(path, self._protocol))

    def _address(self, path: PurePosixPath) -> str:
        return mask_secrets(f"{self._protocol}://{path.as_posix().removeprefix('//')}")

    def _remote_exists(self, path: str) -> bool:
        return bool(self._fs.exists(path))

    def _remote_glob(self, pattern: str) -> list[str]:
        self._fs.invalidate_cache()
        return list(self._fs.glob(pattern))

    def _describe(self) -> dict[str, Any]:
        path = str(self._filepath) if self.is_local else self._address(self._filepath)
        return {"filepath": path, "version": self._version}

    def _init_config(self) -> dict[str, Any]:
        self._init_args = _by_name(self._init_args)
        return dict(super()._init_config())

    def _exists(self) -> bool:
        path = self._get_load_path()
        return Path(path).exists() if self.is_local else self._remote_exists(self._remote(path))

    def _missing(self) -> FileNotFoundError:
        """What to say where there is nothing to load."""
        if self._version is None or not (kept := self._versions()):
            return FileNotFoundError(
                f"{self.location()} does not exist: the pipeline that writes it has not run yet "
                f"({self.REMEDY})"
            )
        return FileNotFoundError(
            f"{self.location()} does not exist; versions of it: {', '.join(kept[:5])}"
        )

    def _versions(self) -> list[str]:
        return list(self.list_versions(full_path=False))


def unwrapped(dataset: Any) -> Any:  # noqa: ANN401 - a dataset of any class
    """The dataset itself, where Kedro's CachedDataset holds it."""
    return dataset._dataset if isinstance(dataset, CachedDataset) else dataset


def location(dataset: Any) -> str | None:  # noqa: ANN401 - a dataset of any class
    """Where a dataset of any class keeps its artefact, for a message; None: in memory only."""
    dataset = unwrapped(dataset)
    if isinstance(dataset, FileDataset):
        return dataset.location()
    described = dataset._describe()
    path, protocol = described.get("filepath"), described.get("protocol", "file")
    if path is None:
        return None
    return str(display_path(Path(path))) if protocol == "file" else f"{protocol}://{path}"
