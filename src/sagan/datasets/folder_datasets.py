"""A folder of JSON documents that people write and stations read, such as the expectations."""

from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from sagan.datasets.text_datasets import parse_json


class JSONFolderDataset(AbstractDataset[Any, dict[str, Any]]):  # type: ignore[misc]
    """Every `<name>.json` of a folder, as a dictionary by name; never written to."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Bind the dataset to its folder.

        Args:
            filepath: The folder; made absolute to the project by Kedro.
            metadata: For plugins, such as Kedro-Viz; ignored by Kedro.
        """
        self._filepath = Path(filepath)
        self.metadata = metadata

    @property
    def filepath(self) -> Path:
        """The folder."""
        return self._filepath

    def load(self) -> dict[str, Any]:
        """Parse every document.

        Raises:
            DatasetError: when the folder is missing or a file is not JSON.
        """
        if not self._filepath.is_dir():
            raise FileNotFoundError(f"{self._filepath} does not exist: expected a folder of JSON")
        return {
            path.stem: parse_json(path.read_text(encoding="utf-8"), str(path), "correct the file")
            for path in sorted(self._filepath.glob("*.json"))
        }

    def save(self, data: Any) -> None:  # noqa: ANN401 - refused whatever it is
        """Refuse: the folder is the user's to write."""
        raise ValueError(f"{self._filepath} is read-only; got {type(data).__name__} to save there")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}

    def _exists(self) -> bool:
        return self._filepath.is_dir()
