"""Tables: CSV for what DVC and Kedro-Viz plot, Parquet for the manifests."""

from typing import TYPE_CHECKING, Any, ClassVar

from kedro_datasets._typing import TablePreview

from sagan.datasets.atomic_dataset import UTF8, AtomicDataset
from sagan.datasets.base import DATA_REMEDY

if TYPE_CHECKING:
    import pandas as pd


class CSVDataset(AtomicDataset):
    """A table as CSV, without the index."""

    DATASET: ClassVar = {"type": "pandas.CSVDataset", "fs_args": UTF8}

    def preview(self, nrows: int = 20) -> TablePreview:
        """The first rows for Kedro-Viz."""
        import pandas as pd

        with self.local_copy() as path:
            return _as_preview(pd.read_csv(path, nrows=nrows))


class ParquetDataset(AtomicDataset):
    """A table as Parquet, in this project a manifest of images."""

    REMEDY = DATA_REMEDY
    DATASET: ClassVar = {"type": "pandas.ParquetDataset", "save_args": {"index": False}}

    def preview(self, nrows: int = 20) -> TablePreview:
        """The first rows for Kedro-Viz, read without the rest of the file."""
        import pyarrow.parquet as pq

        with self.local_copy() as path, pq.ParquetFile(path) as file:
            rows = next(file.iter_batches(batch_size=nrows), file.schema_arrow.empty_table())
        return _as_preview(rows.to_pandas())


def _as_preview(table: "pd.DataFrame") -> TablePreview:
    # NaN is not JSON, which is all that the viewer reads
    split: dict[Any, Any] = table.astype(object).where(table.notna(), None).to_dict(orient="split")
    return TablePreview(split)
