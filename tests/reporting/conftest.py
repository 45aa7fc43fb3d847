from collections.abc import Iterator

import pytest

from sagan.html import pages
from sagan.html.charts import Chart, draw_svg
from tests.browser import browser

__all__ = ["browser"]  # a fixture


@pytest.fixture(autouse=True, scope="package")
def each_chart_is_drawn_once() -> Iterator[None]:
    """Most pages here show the same curves, and matplotlib takes a second for those of a page."""
    drawn: dict[str, object] = {}

    def kept(chart: Chart) -> object:
        key = repr(chart)
        if key not in drawn:
            drawn[key] = draw_svg(chart)
        return drawn[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(pages._FILTERS, "svg", kept)
        pages._environment.cache_clear()
        yield
    pages._environment.cache_clear()
