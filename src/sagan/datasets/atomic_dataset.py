"""A file that another dataset reads and writes, replaced atomically."""

from inspect import unwrap
from pathlib import Path
from typing import Any, ClassVar

from kedro.io import AbstractDataset, Version

from sagan.datasets.base import FileDataset

REMAKE = "remove the file and run the pipeline that writes it again"
UTF8 = {"open_args_load": {"encoding": "utf-8"}, "open_args_save": {"encoding": "utf-8"}}


class AtomicDataset(FileDataset):
    """A file that another dataset reads and writes, saved whole or not at all.

    The other dataset writes to a temporary path beside the file, which then replaces it, so a
    failed save leaves the old file intact and no partial one behind. In a catalog:

        type: sagan.datasets.AtomicDataset
        filepath: data/08_reporting/figure.png
        dataset: matplotlib.MatplotlibDataset

    Subclasses set `DATASET`, or override `read` and `write` for formats of their own.
    """

    DATASET: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        *,
        filepath: str,
        dataset: str | dict[str, Any] | None = None,
        missing_is_none: bool = False,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Bind the dataset to its file.

        Args:
            filepath: The file, a path or an address; a path is made absolute to the project by
                Kedro.
            dataset: Type of the dataset that reads and writes the file, or a mapping of its type
                and arguments but for `filepath`.
            missing_is_none: Whether an absent file loads as None, for optional artefacts.
            version: Of Kedro's `versioned: true`.
            credentials: Of the address, for fsspec.
            fs_args: Of fsspec's file system; `open_args_load` and `open_args_save` are those of
                the dataset that reads and writes the file.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        system = dict(fs_args or {})
        opened = {name: system.pop(name) for name in UTF8 if name in system}
        super().__init__(
            filepath=filepath,
            version=version,
            credentials=credentials,
            fs_args=system,
            metadata=metadata,
        )
        self._config = dict(
            {"type": dataset} if isinstance(dataset, str) else dataset or self.DATASET
        )
        if opened:
            self._config = {
                **self._config,
                "fs_args": {**self._config.get("fs_args", {}), **opened},
            }
        self._missing_is_none = missing_is_none
        if type(self) is AtomicDataset:
            self.wrapped(Path(filepath))  # a wrong type fails before the run, not after

    def load(self) -> Any:  # noqa: ANN401 - each subclass's `read` narrows it
        """Read the artefact.

        Raises:
            DatasetError: when it does not exist or cannot be read.
        """
        if not self.exists():
            if self._missing_is_none:
                return None
            raise self._missing()
        with self.local_copy() as path:
            return self.read(path)

    def save(self, data: Any) -> None:  # noqa: ANN401 - each subclass's `write` narrows it
        """Replace the file.

        Raises:
            DatasetError: when writing fails; what was there before is untouched.
        """
        with self.replacement() as temporary:
            self.write(temporary, data)

    def read(self, path: Path) -> Any:  # noqa: ANN401 - each subclass narrows it
        """Return the content of a file."""
        wrapped = self.wrapped(path)
        try:
            return unwrap(type(wrapped).load)(wrapped)  # not wrapped in DatasetError twice
        except ValueError as error:
            raise ValueError(f"{path} cannot be read ({error}); {REMAKE}") from error

    def write(self, path: Path, data: Any) -> None:  # noqa: ANN401 - each subclass narrows it
        """Write the data to a path that no other process reads yet."""
        wrapped = self.wrapped(path)
        unwrap(type(wrapped).save)(wrapped, data)

    def wrapped(self, path: Path) -> Any:  # noqa: ANN401 - a dataset of any class
        """The dataset that reads and writes the format, bound to a path; imported on use."""
        return AbstractDataset.from_config("", {**self._config, "filepath": str(path)})
