"""Base classes: a dataset of one local path, and one whose file is replaced atomically."""

from inspect import unwrap
from pathlib import Path
from typing import Any, ClassVar

from kedro.io import AbstractDataset

from sagan.common.files import replacing_file

REMAKE = "remove the file and run the pipeline that writes it again"
UTF8 = {"open_args_load": {"encoding": "utf-8"}, "open_args_save": {"encoding": "utf-8"}}


class LocalDataset(AbstractDataset[Any, Any]):  # type: ignore[misc]
    """A dataset bound to one file or folder of the local disk."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Bind the dataset to its path.

        Args:
            filepath: The file or folder; made absolute to the project by Kedro.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        self.filepath = Path(filepath)
        self.metadata = metadata

    def save(self, data: Any) -> None:  # noqa: ANN401 - refused whatever it is
        """Refuse to save; subclasses that nodes may save to override this."""
        raise ValueError(f"nodes cannot save to {self.filepath}; got {type(data).__name__}")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self.filepath)}

    def _exists(self) -> bool:
        return self.filepath.exists()


class AtomicDataset(LocalDataset):
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
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Bind the dataset to its file.

        Args:
            filepath: The file; made absolute to the project by Kedro.
            dataset: Type of the dataset that reads and writes the file, or a mapping of its type
                and arguments but for `filepath`.
            missing_is_none: Whether an absent file loads as None, for optional artefacts.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        super().__init__(filepath=filepath, metadata=metadata)
        self._config = {"type": dataset} if isinstance(dataset, str) else dataset or self.DATASET
        self._missing_is_none = missing_is_none
        if type(self) is AtomicDataset:
            self.wrapped(self.filepath)  # a wrong type or argument fails before the run, not after

    def load(self) -> Any:  # noqa: ANN401 - each subclass's `read` narrows it
        """Read the artefact.

        Raises:
            DatasetError: when it does not exist or cannot be read.
        """
        if not self.filepath.is_file():
            if self._missing_is_none:
                return None
            raise FileNotFoundError(
                f"{self.filepath} does not exist: the pipeline that writes it has not run yet "
                "(`kedro run --pipeline=train`, with the same --env if any, runs them in order, "
                "up to the samples)"
            )
        return self.read(self.filepath)

    def save(self, data: Any) -> None:  # noqa: ANN401 - each subclass's `write` narrows it
        """Replace the file.

        Raises:
            DatasetError: when writing fails; what was there before is untouched.
        """
        with replacing_file(self.filepath) as temporary:
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
