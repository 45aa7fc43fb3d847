"""Kedro dataset classes: how the artefacts of the stream touch disk, whole or not at all.

The names here are what `type: sagan.catalog.<Name>` in `conf/*/catalog_*.yml` refers to. They load
on first use, so that a `kedro` command which touches no table does not import pandas.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "CSVDataset": "tables",
    "EvaluationPicturesDataset": "arrays",
    "GeneratorBundleDataset": "handles",
    "ImageFolderDataset": "handles",
    "JSONDataset": "documents",
    "JSONFolderDataset": "folders",
    "JSONLinesDataset": "documents",
    "PNGDataset": "arrays",
    "ParquetDataset": "tables",
    "PlotlyDataset": "documents",
    "SamplesDataset": "arrays",
    "ShardStoreDataset": "handles",
    "StatisticsDataset": "arrays",
    "TextDataset": "documents",
    "ValidationReportDataset": "documents",
    "WorkspaceDataset": "handles",
}

__all__ = sorted(_MODULES)  # noqa: PLE0605 - the names are listed once, above


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class out of `_MODULES`
    if name not in _MODULES:
        raise AttributeError(f"module 'sagan.catalog' has no dataset '{name}'; got {__all__}")
    return getattr(import_module(f"sagan.catalog.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
