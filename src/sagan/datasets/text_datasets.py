"""Text artefacts: JSON, JSON Lines, HTML and Plotly figures."""

import json
import math
from pathlib import Path
from typing import Any

from kedro_datasets._typing import JSONPreview, PlotlyPreview, TablePreview

from sagan.datasets.file import FileDataset

_PREVIEW_CHARACTERS = 20_000  # a graph viewer's side panel, not an editor


class TextDataset(FileDataset):
    """A text file in UTF-8; here the HTML pages."""

    def read(self, path: Path) -> str:
        """Return the text."""
        return path.read_text(encoding="utf-8")

    def write(self, path: Path, data: str) -> None:
        """Write the text."""
        path.write_text(data, encoding="utf-8")


class JSONDataset(FileDataset):
    """A JSON document; NaN and infinity are refused, since JSON has neither."""

    def read(self, path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Parse the document.

        Raises:
            ValueError: when the file is not JSON.
        """
        return parse_json(path.read_text(encoding="utf-8"), str(path))

    def write(self, path: Path, data: Any) -> None:  # noqa: ANN401 - whatever JSON holds
        """Write the document, indented, ending in a line feed."""
        text = json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False, default=_plain)
        path.write_text(text + "\n", encoding="utf-8")

    def preview(self) -> JSONPreview:
        """The document for Kedro-Viz; a long one is cut to its short values."""
        return json_preview(self.read(self._filepath))


class ValidationReportDataset(JSONDataset):
    """The verdict on the images; Kedro-Viz shows a line an expectation, the failed ones first."""

    def preview(self) -> TablePreview:
        """The verdict, then what was expected and what was found, for Kedro-Viz."""
        report = self.read(self._filepath)
        counts = report.get("counts", {})
        found = ", ".join(
            f"{counts[name]:,} {name}" for name in ("images", "classes") if name in counts
        )
        rows = [["passed" if report["passed"] else "failed", "", "the data set as a whole", found]]
        for outcome in sorted(report.get("expectations", ()), key=lambda one: one["passed"]):
            met = "met" if outcome["passed"] else "failed"
            rows.append([met, *(str(outcome[n]) for n in ("severity", "description", "observed"))])
        rows += [
            ["not checked", "", skipped["description"], skipped["reason"]]
            for skipped in report.get("skipped", ())
        ]
        columns = ["result", "severity", "expectation", "found"]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": rows})


class JSONLinesDataset(FileDataset):
    """A list of flat records, one JSON object a line, such as the training journal."""

    def read(self, path: Path) -> list[dict[str, Any]]:
        """Parse every line.

        Raises:
            ValueError: naming the first line that is not JSON.
        """
        lines = path.read_text(encoding="utf-8").splitlines()
        return [
            parse_json(line, f"{path}, line {number}")
            for number, line in enumerate(lines, start=1)
            if line.strip()
        ]

    def write(self, path: Path, data: list[dict[str, Any]]) -> None:
        """Write one record a line."""
        with path.open("w", encoding="utf-8") as file:
            for record in data:
                file.write(json.dumps(record, allow_nan=False, default=_plain) + "\n")

    def preview(self, nrows: int = 20) -> TablePreview:
        """The last records as a table for Kedro-Viz."""
        records = self.read(self._filepath)[-nrows:]
        columns = list(dict.fromkeys(key for record in records for key in record))
        rows = [[record.get(column) for column in columns] for record in records]
        return TablePreview({"index": list(range(len(rows))), "columns": columns, "data": rows})


class PlotlyDataset(FileDataset):
    """A Plotly figure as JSON, drawn by Kedro-Viz."""

    def read(self, path: Path) -> Any:  # noqa: ANN401 - plotly.graph_objects.Figure
        """Return the figure."""
        from plotly import io

        return io.from_json(path.read_text(encoding="utf-8"))

    def write(self, path: Path, data: Any) -> None:  # noqa: ANN401 - plotly.graph_objects.Figure
        """Write the figure."""
        path.write_text(data.to_json(), encoding="utf-8")

    def preview(self) -> PlotlyPreview:
        """The figure for Kedro-Viz."""
        return PlotlyPreview(parse_json(self._filepath.read_text("utf-8"), str(self._filepath)))


def json_preview(data: Any) -> JSONPreview:  # noqa: ANN401 - whatever JSON holds
    """A document for Kedro-Viz; a long one is cut to its short values."""
    text = json.dumps(data)
    if len(text) > _PREVIEW_CHARACTERS and isinstance(data, dict):
        text = json.dumps({key: _abridged(value) for key, value in data.items()})
    return JSONPreview(text)


REMAKE = "remove the file and run the station that writes it again"


def parse_json(text: str, origin: str, remedy: str = REMAKE) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Parse JSON.

    Args:
        text: The document.
        origin: Where it came from, for the message.
        remedy: What the user can do, for the message.

    Raises:
        ValueError: naming the origin and the place of the fault.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{origin} is not valid JSON ({error}); {remedy}") from error


def _plain(value: Any) -> Any:  # noqa: ANN401 - a NumPy scalar or array, or a path
    """Turn what JSON does not know into what it does."""
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON: got {value!r}")


def _abridged(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    text = json.dumps(value)
    if len(text) <= math.isqrt(_PREVIEW_CHARACTERS) * 10:
        return value
    return f"({type(value).__name__} of {len(value)}, {len(text):,} characters: not shown here)"
