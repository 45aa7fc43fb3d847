"""Tables: CSV for what DVC and Kedro-Viz plot, Parquet for the manifests."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro_datasets._typing import TablePreview

from sagan.datasets.file import FileDataset

if TYPE_CHECKING:
    import pandas as pd


class CSVDataset(FileDataset):
    """A table as CSV, without the index."""

    def read(self, path: Path) -> "pd.DataFrame":
        """Return the table."""
        import pandas as pd

        return pd.read_csv(path)

    def write(self, path: Path, data: "pd.DataFrame") -> None:
        """Write the table."""
        data.to_csv(path, index=False)

    def preview(self, nrows: int = 20) -> TablePreview:
        """The first rows for Kedro-Viz."""
        import pandas as pd

        return _as_preview(pd.read_csv(self._filepath, nrows=nrows))


class ParquetDataset(FileDataset):
    """A table as Parquet."""

    def read(self, path: Path) -> "pd.DataFrame":
        """Return the table."""
        import pandas as pd

        return pd.read_parquet(path)

    def write(self, path: Path, data: "pd.DataFrame") -> None:
        """Write the table."""
        data.to_parquet(path, index=False)

    def preview(self, nrows: int = 20) -> TablePreview:
        """The first rows for Kedro-Viz, read without the rest of the file."""
        import pyarrow.parquet as pq

        with pq.ParquetFile(self._filepath) as file:
            batch = next(file.iter_batches(batch_size=nrows), None)
            columns = file.schema_arrow.names
        if batch is None:
            return TablePreview({"index": [], "columns": columns, "data": []})
        return _as_preview(batch.to_pandas())


def _as_preview(table: "pd.DataFrame") -> TablePreview:
    # NaN is not JSON, and the viewer speaks nothing else
    split: dict[Any, Any] = table.astype(object).where(table.notna(), None).to_dict(orient="split")
    return TablePreview(split)
