"""What every dataset of one file shares: a path, an atomic save, a plain word when it is absent."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from sagan.common.files import replacing_file


class FileDataset(AbstractDataset[Any, Any]):  # type: ignore[misc]
    """One artefact in one local file.

    Subclasses say how to `read` and `write` a path; this class sees to it that a failed save
    leaves the old file intact and no partial one behind.
    """

    def __init__(
        self,
        *,
        filepath: str,
        missing_is_none: bool = False,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Bind the dataset to its file.

        Args:
            filepath: Where the artefact lies; made absolute to the project by Kedro.
            missing_is_none: Whether an absent file loads as None, for an artefact that its reader
                can do without, and says so.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        self._filepath = Path(filepath)
        self._missing_is_none = missing_is_none
        self.metadata = metadata

    @property
    def filepath(self) -> Path:
        """Where the artefact lies, or will."""
        return self._filepath

    @abstractmethod
    def read(self, path: Path) -> Any:  # noqa: ANN401 - each subclass narrows it
        """Return what the file holds."""

    @abstractmethod
    def write(self, path: Path, data: Any) -> None:  # noqa: ANN401 - each subclass narrows it
        """Write the data to a path that nobody else reads yet."""

    def load(self) -> Any:  # noqa: ANN401 - each subclass's `read` narrows it
        """Read the artefact.

        Raises:
            DatasetError: when it does not exist or cannot be read.
        """
        if not self._filepath.is_file():
            if self._missing_is_none:
                return None
            raise FileNotFoundError(
                f"{self._filepath} does not exist: the station that writes it has not run yet "
                "(`kedro run --pipeline=train`, with the same --env if any, runs them in order, "
                "up to the samples)"
            )
        return self.read(self._filepath)

    def save(self, data: Any) -> None:  # noqa: ANN401 - each subclass's `write` narrows it
        """Write the artefact whole, or leave what was there.

        Raises:
            DatasetError: when writing fails.
        """
        with replacing_file(self._filepath) as temporary:
            self.write(temporary, data)

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return self._filepath.is_file()
