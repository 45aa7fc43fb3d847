"""Text artefacts: HTML pages, JSON, JSON Lines and Plotly figures, in UTF-8."""

import json
import math
from pathlib import Path
from typing import Any, ClassVar

from kedro_datasets._typing import JSONPreview, PlotlyPreview, TablePreview

from sagan.datasets.atomic_dataset import REMAKE, UTF8, AtomicDataset
from sagan.datasets.base import DATA_REMEDY, TRAIN_REMEDY

_PREVIEW_CHARACTERS = 20_000  # a graph viewer's side panel, not an editor


def _plain(value: Any) -> Any:  # noqa: ANN401 - a NumPy scalar or array, or a path
    """Convert a value that JSON does not know."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON: got {value!r}")


class TextDataset(AtomicDataset):
    """A text file, such as an HTML page."""

    DATASET: ClassVar = {"type": "text.TextDataset", "fs_args": UTF8}


class JSONDataset(AtomicDataset):
    """A JSON document; NaN and infinity are refused, since JSON has neither."""

    DATASET: ClassVar = {
        "type": "json.JSONDataset",
        "save_args": {"allow_nan": False, "ensure_ascii": False, "default": _plain},
        "fs_args": {"open_args_save": {"encoding": "utf-8"}},
    }

    def write(self, path: Path, data: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Write the document, indented, ending in a line feed."""
        super().write(path, data)
        with path.open("a", encoding="utf-8") as file:
            file.write("\n")

    def preview(self) -> JSONPreview:
        """The document for Kedro-Viz; a long one is cut to its short values."""
        with self.local_copy() as path:
            return json_preview(JSONDataset.read(self, path))


class ValidationReportDataset(JSONDataset):
    """The validation report; Kedro-Viz shows a line per expectation, failed ones first."""

    REMEDY = DATA_REMEDY

    def preview(self) -> TablePreview:
        """The validation status, then what was expected and what was found, for Kedro-Viz."""
        report = self.load()
        counts = report.get("counts", {})
        found = ", ".join(
            f"{counts[name]:,} {name}" for name in ("images", "classes") if name in counts
        )
        rows = [["passed" if report["passed"] else "failed", "", "the data set as a whole", found]]
        for result in sorted(report.get("expectations", ()), key=lambda one: one["passed"]):
            met = "met" if result["passed"] else "failed"
            rows.append([met, *(str(result[n]) for n in ("severity", "description", "observed"))])
        rows += [
            ["not checked", "", skipped["description"], skipped["reason"]]
            for skipped in report.get("skipped", ())
        ]
        return _table(["result", "severity", "expectation", "found"], rows)


class JSONLinesDataset(AtomicDataset):
    """A list of flat records, one JSON object a line: in this project the training journal."""

    REMEDY = TRAIN_REMEDY

    def read(self, path: Path) -> list[dict[str, Any]]:
        """Parse every line.

        Raises:
            ValueError: naming the first line that is not a JSON object.
        """
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        records = {
            number: parse_json(line, f"{path}, line {number}")
            for number, line in enumerate(lines, start=1)
            if line.strip()
        }
        for number, record in records.items():
            if not isinstance(record, dict):
                raise ValueError(f"{path}, line {number} is not a JSON object; {REMAKE}")
        return [*records.values()]

    def write(self, path: Path, data: list[dict[str, Any]]) -> None:
        """Write one record a line."""
        with path.open("w", encoding="utf-8") as file:
            for record in data:
                file.write(json.dumps(record, allow_nan=False, default=_plain) + "\n")

    def preview(self, nrows: int = 20) -> TablePreview:
        """The last records as a table for Kedro-Viz."""
        records = self.load()[-nrows:]
        columns = list(dict.fromkeys(key for record in records for key in record))
        return _table(columns, [[record.get(column) for column in columns] for record in records])


class PlotlyDataset(AtomicDataset):
    """A Plotly figure as JSON."""

    DATASET: ClassVar = {"type": "plotly.JSONDataset"}

    def preview(self) -> PlotlyPreview:
        """The figure for Kedro-Viz."""
        with self.local_copy() as path:
            return PlotlyPreview(self.wrapped(path).preview())


def json_preview(data: Any) -> JSONPreview:  # noqa: ANN401 - whatever JSON holds
    """A document for Kedro-Viz; a long one is cut to its short values."""
    text = json.dumps(data)
    if len(text) > _PREVIEW_CHARACTERS and isinstance(data, dict):
        text = json.dumps({key: _abridged(value) for key, value in data.items()})
    return JSONPreview(text)


def parse_json(text: str, origin: str, remedy: str = REMAKE) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Parse JSON.

    Args:
        text: The document.
        origin: Where it came from, for the message.
        remedy: What the user can do, for the message.

    Raises:
        ValueError: naming the origin and the position of the fault.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{origin} is not valid JSON ({error}); {remedy}") from error


def _table(columns: list[str], rows: list[list[Any]]) -> TablePreview:
    return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": rows})


def _abridged(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    text = json.dumps(value)
    if len(text) <= math.isqrt(_PREVIEW_CHARACTERS) * 10:
        return value
    return f"({type(value).__name__} of {len(value)}, {len(text):,} characters: not shown here)"
