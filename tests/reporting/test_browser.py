"""The page in a real browser: silent, offline, and good on a screen, a phone and paper."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from sagan.reporting.config import ReportingConfig
from sagan.reporting.page import render_report
from tests import fabricated_run as run
from tests.reporting.test_page import contents

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> str:
    """Address of a page that has everything."""
    journal = [*run.journal(), *run.score_events()]
    long = {"message": "a name without a place to break: " + "x" * 300}
    path = tmp_path_factory.mktemp("page") / "report.html"
    page = render_report(
        ReportingConfig(),
        contents(
            journal=[*journal, run.warning(400, long["message"])],
            attention_maps=run.picture(160, 960),
        ),
    )
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser: Browser, report: str) -> Iterator[Open]:
    """Opens the page in a window of one's choice; whatever it says or asks for fails the test."""
    said, contexts = [], []

    def open_page(**window) -> Page:
        context = browser.new_context(**window)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url))
        page.goto(report)
        return page

    yield open_page
    for context in contexts:
        context.close()
    asked = [text for text in said if text != report and not text.startswith("data:")]
    assert asked == [], "console messages, errors and requests"


def chart(page: Page, title: str):
    return page.locator("figure", has=page.get_by_text(title, exact=True))


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_sticks_out_of_a_chart_and_its_text_can_be_read(opened: Open, width: int) -> None:
    page = opened(viewport={"width": width, "height": 800})
    for svg in page.locator("svg.chart").all():
        outer = svg.bounding_box()
        for box in svg.locator("text").evaluate_all(
            "all => all.map((t) => t.getBoundingClientRect())"
            ".map((box) => [box.left, box.right, box.height])"
        ):
            assert box[0] >= outer["x"] - 8
            assert box[1] <= outer["x"] + outer["width"] + 8
            assert box[2] >= 9


def test_a_legend_has_the_last_values_and_the_best_score(opened: Open) -> None:
    page = opened()
    scores = chart(page, "Score while training")
    assert scores.locator(".legend b").all_text_contents() == ["3.75", "3.25"]
    swatch = chart(page, "Losses").locator(".legend i").nth(1)
    colour = swatch.evaluate("i => getComputedStyle(i).backgroundColor")
    strokes = (
        chart(page, "Losses")
        .locator("svg path")
        .evaluate_all("all => all.map((path) => getComputedStyle(path).stroke)")
    )
    assert colour in strokes, "a curve and its name have one colour"


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_sticks_out_of_a_phone(opened: Open, width: int) -> None:
    page = opened(viewport={"width": width, "height": 800}, is_mobile=True, has_touch=True)

    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("window.innerWidth") == width, "nothing made the page zoom out"
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")


LUMINANCE = """(element, property) => {
  const found = getComputedStyle(element)[property].match(/[\\d.]+/g).slice(0, 3);
  const channels = found.map((value) => value / 255);
  const linear = channels.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}"""


def luminance(page: Page, selector: str, property_name: str) -> float:
    return page.locator(selector).first.evaluate(LUMINANCE, property_name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_themes(opened: Open, scheme: str) -> None:
    page = opened(color_scheme=scheme)

    ground = luminance(page, "body", "backgroundColor")
    assert ground < 0.02 if scheme == "dark" else ground > 0.9
    card = luminance(page, "figure:has(svg)", "backgroundColor")
    for selector, name, behind in (
        ("h1", "color", ground),
        ("p.quiet", "color", ground),
        ("nav a", "color", ground),
        (".warnings li", "color", luminance(page, ".warnings", "backgroundColor")),
        ("figure .legend", "color", card),
        ("svg.chart text", "fill", card),
    ):
        darker, lighter = sorted([luminance(page, selector, name), behind])
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, selector


def test_paper_is_light_and_has_all_that_was_closed(opened: Open) -> None:
    page = opened(color_scheme="dark")
    page.evaluate(
        "addEventListener('beforeprint', () => {"
        "  window.closed = document.querySelectorAll('details:not([open])').length;"
        "})"
    )
    closed = page.locator("details:not([open])").count()

    paper = page.pdf(format="A4", print_background=True)

    assert closed > 3
    assert page.evaluate("window.closed") == 0, "all were opened for the paper"
    assert page.locator("details:not([open])").count() == closed, "and closed again"
    assert paper.startswith(b"%PDF")
    rule = "[...document.styleSheets[0].cssRules].find((one) => one instanceof CSSPageRule)"
    assert page.evaluate(f"{rule}.style.marginLeft") == "13mm", "text keeps off the edge"
    page.emulate_media(media="print", color_scheme="dark")
    assert luminance(page, "h1", "color") < 0.05
    assert luminance(page, "figure:has(svg)", "backgroundColor") > 0.9
    printed = "bar => getComputedStyle(bar).printColorAdjust"
    assert page.locator(".bars i").first.evaluate(printed) == "exact", "bars are backgrounds"
    columns = "table => getComputedStyle(table).columnCount"
    assert page.locator("details > .rows").first.evaluate(columns) == "2", "long lists are short"
    assert not page.locator("nav").is_visible()


def test_a_picture_is_enlarged_and_put_back(opened: Open) -> None:
    page = opened(viewport={"width": 390, "height": 800})
    viewer = page.locator("dialog.viewer")

    page.locator("#attention button.enlarge").click()

    assert viewer.is_visible()
    assert viewer.locator("img").bounding_box()["width"] == 960, "at its own size"
    viewer.get_by_role("button").click()
    assert not viewer.is_visible()


def test_all_pictures_can_be_decoded(opened: Open) -> None:
    sizes = (
        opened()
        .locator("main img")
        .evaluate_all("images => images.map((i) => [i.complete, i.naturalWidth])")
    )
    assert len(sizes) == 2 + 2 * 4 + 12 + 9
    assert all(complete and width >= 16 for complete, width in sizes)


def test_the_page_is_whole_without_its_script(opened: Open) -> None:
    page = opened(java_script_enabled=False)

    assert chart(page, "Losses").locator("svg").is_visible()
    assert page.get_by_role("heading", name="Warnings").is_visible()
