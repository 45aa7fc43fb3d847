"""Kedro dataset classes of the pipelines' artefacts, saved atomically.

`type: sagan.datasets.<Name>` in `conf/*/catalog_*.yml` refers to these names. They are imported on
first use, so that a `kedro` command which touches no table does not import pandas.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "AtomicDataset": "atomic_dataset",
    "CSVDataset": "table_datasets",
    "EvaluationPicturesDataset": "array_datasets",
    "GeneratorBundleDataset": "path_datasets",
    "ImageFolderDataset": "path_datasets",
    "JSONDataset": "text_datasets",
    "JSONFolderDataset": "path_datasets",
    "JSONLinesDataset": "text_datasets",
    "PNGDataset": "array_datasets",
    "ParquetDataset": "table_datasets",
    "PlotlyDataset": "text_datasets",
    "SamplesDataset": "array_datasets",
    "ShardStoreDataset": "path_datasets",
    "StatisticsDataset": "array_datasets",
    "TextDataset": "text_datasets",
    "ValidationReportDataset": "text_datasets",
    "WorkspaceDataset": "path_datasets",
}

__all__ = sorted(_MODULES)  # noqa: PLE0605 - the names are listed once, above


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class out of `_MODULES`
    if name not in _MODULES:
        raise AttributeError(f"module 'sagan.datasets' has no dataset '{name}'; got {__all__}")
    return getattr(import_module(f"sagan.datasets.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
