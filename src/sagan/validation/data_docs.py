"""Data Docs: one HTML page that opens anywhere, offline.

The details are Great Expectations' own rendering. Its page, though, loads a dozen style sheets and
scripts from the network, so only its sections are taken, into a page with a style sheet of its own.
"""

import re
from importlib.resources import files
from itertools import groupby
from typing import Any

SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
NETWORK = re.compile(r"""\s(?:href|src)=(["'])\s*(?:https?:)?//.*?\1""", re.IGNORECASE)
# the library's ids hold random numbers, which would make every page different
RANDOM = re.compile(r"-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def data_docs_page(report: dict[str, Any], results: dict[str, Any]) -> str:
    """Render the page.

    Args:
        report: as `validate_manifest` returns it.
        results: Great Expectations' results by table, from the same call.

    Returns:
        A complete HTML document without any reference to the network.
    """
    from jinja2 import Environment

    template = files("sagan.validation").joinpath("data_docs.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True)
    rendered = {table: _sections(table, result) for table, result in results.items()}
    pictures = {
        name: list(shown)
        for name, shown in groupby(report["pictures"], key=lambda image: image["expectation"])
    }
    return environment.from_string(template).render(
        report=report, rendered=rendered, pictures=pictures
    )


def _sections(table: str, result: Any) -> str:  # noqa: ANN401 - the library is untyped
    """Great Expectations' sections for one table, but its overview, whose links lead nowhere."""
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaSectionView

    document = ValidationResultsPageRenderer().render(result)
    view = DefaultJinjaSectionView()
    parts = []
    for index, section in enumerate(document.sections[1:], start=1):
        html = view.render({"section": section.to_json_dict(), "section_loop": {"index": index}})
        # an id must be unique on the page, not only in its section
        html = html.replace("content-block-", f"{table}-{index}-block-")
        parts.append(html.replace(f'id="section-{index}"', f'id="{table}-section-{index}"'))
    return RANDOM.sub("", NETWORK.sub("", SCRIPTS.sub("", "".join(parts))))
