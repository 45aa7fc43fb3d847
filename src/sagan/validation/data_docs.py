"""Data Docs: one HTML page of the validation's findings that opens offline.

The details are rendered by Great Expectations. Its own page loads a dozen style sheets and scripts
from the network, so only its sections are taken, into a page of this project's base style.
"""

import re
from itertools import groupby
from pathlib import Path
from typing import Any

from sagan.common.naming import full_names
from sagan.common.text import visible
from sagan.html.format import bars, format_number
from sagan.html.pages import render
from sagan.validation.suites import bounds

SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
NETWORK = re.compile(r"""\s(?:href|src)=(["'])\s*(?:https?:)?//.*?\1""", re.IGNORECASE)
# the library's ids hold random numbers, which would make every page different
RANDOM = re.compile(r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


_COUNTS = {
    "images": "images",
    "bad_images": "cannot be decoded",
    "train_images": "training",
    "val_images": "validation",
    "classes": "classes",
    "copies": "copies",
    "leaked_images": "in both splits",
}


def data_docs_page(report: dict[str, Any], results: dict[str, Any]) -> str:
    """Render the page.

    Args:
        report: As `validate_manifest` returns it.
        results: Great Expectations' results by table, from the same call.

    Returns:
        A complete HTML document without any reference to the network.
    """
    pictures = {
        name: list(shown)
        for name, shown in groupby(report["pictures"], key=lambda image: image["expectation"])
    }
    return render(
        Path(__file__).parent,
        "data_docs.html.j2",
        report=report,
        counts=[(label, format_number(report["counts"][key])) for key, label in _COUNTS.items()],
        classes=_class_bars(report),
        bounds={
            outcome["name"]: bounds(outcome["expected"], numbers_only=True)
            for outcome in report["expectations"]
        },
        rendered={table: _sections(table, result) for table, result in results.items()},
        pictures=pictures,
    )


def _class_bars(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Training images by class, under the class's title where it has one."""
    histogram = report["class_histogram"]
    names = full_names(histogram, report["class_titles"])
    counts = dict(zip(names, histogram.values(), strict=True))
    texts = {name: f"{one['train']:,} + {one['val']:,}" for name, one in counts.items()}
    return bars({name: one["train"] for name, one in counts.items()}, texts)


def _sections(table: str, result: Any) -> str:  # noqa: ANN401 - the library is untyped
    """Great Expectations' sections for one table, but its overview, whose links lead nowhere."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaSectionView

    for one in result.results:
        one.result = _readable(one.result)
    document = ValidationResultsPageRenderer().render(result)
    view = DefaultJinjaSectionView()
    parts = []
    for index, section in enumerate(document.sections[1:], start=1):
        html = view.render({"section": section.to_json_dict(), "section_loop": {"index": index}})
        # an id must be unique on the page, not only in its section
        html = html.replace("content-block-", f"{table}-{index}-block-")
        parts.append(html.replace(f'id="section-{index}"', f'id="{table}-section-{index}"'))
    return RANDOM.sub("", NETWORK.sub("", SCRIPTS.sub("", "".join(parts))))


def _readable(found: Any) -> Any:  # noqa: ANN401 - what the library found, of any shape
    """The same with the control characters of names escaped."""
    if isinstance(found, dict):
        return {key: _readable(value) for key, value in found.items()}
    if isinstance(found, list):
        return [_readable(value) for value in found]
    return visible(found) if isinstance(found, str) else found
