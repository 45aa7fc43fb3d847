"""The page in a real browser: silent, offline, and good on a screen, a phone and paper."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from sagan.reporting import charts
from sagan.reporting.charts import line_chart
from sagan.reporting.config import ReportingConfig
from sagan.reporting.curves import Chart, Curve
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


@pytest.mark.parametrize("width", [1200, 390])
def test_long_numbers_beside_an_axis_are_whole(browser: Browser, width: int) -> None:
    curve = Curve("gamma", [0.0, 100.0], [-0.0008, 0.00125])
    drawn = line_chart(Chart("Attention", "gamma", [curve]))
    styles = (Path(charts.__file__).parent / "templates" / "report.css").read_text("utf-8")
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.set_content(f'<style>{styles}</style><main><figure class="chart">{drawn}</figure></main>')
    lefts = page.locator("svg text.y").evaluate_all("all => all.map((text) => text.getBBox().x)")
    context.close()
    assert lefts
    assert min(lefts) >= 0


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
    return page.locator("figure.chart", has=page.get_by_text(title, exact=True))


def labels(page: Page, title: str) -> list[str]:
    return chart(page, title).locator(".frame text").all_text_contents()


def drag(page: Page, title: str, start: float, end: float) -> None:
    """Across a chart, from one share of its width to another."""
    svg = chart(page, title).locator("svg")
    svg.scroll_into_view_if_needed()
    box = svg.bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + start * box["width"], height)
    page.mouse.down()
    page.mouse.move(box["x"] + end * box["width"], height, steps=4)
    page.mouse.up()


def test_drawing_across_a_curve_enlarges_that_part_in_all_of_them(opened: Open) -> None:
    page = opened()
    before, others = labels(page, "Losses"), labels(page, "Logits")

    drag(page, "Losses", 0.5, 0.75)

    x = [float(text.rstrip("k")) for text in labels(page, "Losses") if text.endswith("k")]
    assert labels(page, "Losses") != before
    assert labels(page, "Logits") != others
    assert 11 <= min(x) < max(x) <= 19.5  # of 25.6k images
    zoomed, whole = page.locator("figure.zoomed"), page.locator("figure.chart:not(.zoomed)")
    assert zoomed.count() == 9
    assert whole.locator("b").first.text_content() == "Fréchet distance", "another axis stays"


def test_what_is_enlarged_fills_the_frame_and_stays_within(opened: Open) -> None:
    page = opened()

    drag(page, "Losses", 0.5, 0.75)

    for box in (
        chart(page, "Losses")
        .locator("path.line")
        .evaluate_all(
            "paths => paths.map((path) => path.getBBox())"
            ".map((box) => [box.x, box.x + box.width, box.y, box.y + box.height])"
        )
    ):
        assert box[0] == pytest.approx(charts.LEFT, abs=0.2)
        assert box[1] == pytest.approx(450, abs=0.2)
        assert box[2] >= 9.9
        assert box[3] <= 196.1


def test_a_double_click_or_the_button_shows_all_again(opened: Open) -> None:
    page = opened()
    before = labels(page, "Losses")

    for back in ("svg", ".reset"):
        drag(page, "Losses", 0.2, 0.4)
        assert labels(page, "Losses") != before
        target = chart(page, "Losses").locator(back)
        target.dblclick() if back == "svg" else target.click()
        assert labels(page, "Losses") == before
        assert page.locator("figure.zoomed").count() == 0


def test_the_keyboard_zooms_too(opened: Open) -> None:
    page = opened()
    before, svg = labels(page, "Speed"), chart(page, "Speed").locator("svg")

    svg.press("+")
    closer = labels(page, "Speed")
    svg.press("ArrowRight")
    further = labels(page, "Speed")
    svg.press("Escape")

    assert len({tuple(before), tuple(closer), tuple(further)}) == 3
    assert labels(page, "Speed") == before
    svg.press("+")
    svg.press("-")
    assert labels(page, "Speed") == before


def test_a_pointer_reads_the_values_off(opened: Open) -> None:
    page = opened()
    scores = chart(page, "Score while training")
    box = scores.locator("svg").bounding_box()

    scores.locator("svg").hover(position={"x": box["width"] * 0.75, "y": box["height"] / 2})

    assert scores.locator(".legend b").first.text_content() == "3.25"
    assert scores.locator("output").text_content() == "at 19,200"
    assert scores.get_by_text("best: 3.25", exact=True).is_visible()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_sticks_out_of_a_phone(opened: Open, width: int) -> None:
    page = opened(viewport={"width": width, "height": 800}, is_mobile=True, has_touch=True)

    for _ in range(2):
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("window.innerWidth") == width, "nothing made the page zoom out"
        page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")


def test_a_finger_zooms_along_and_scrolls_down(opened: Open) -> None:
    page = opened(viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)

    assert (
        chart(page, "Losses").locator("svg").evaluate("svg => getComputedStyle(svg).touchAction")
        == "pan-y"
    )


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
    card = luminance(page, "figure.chart", "backgroundColor")
    for selector, name, behind in (
        ("h1", "color", ground),
        ("p.quiet", "color", ground),
        ("nav a", "color", ground),
        (".warnings li", "color", luminance(page, ".warnings", "backgroundColor")),
        ("figure.chart .legend", "color", card),
        ("figure.chart svg text", "fill", card),
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
    assert luminance(page, "figure.chart", "backgroundColor") > 0.9
    printed = "bar => getComputedStyle(bar).printColorAdjust"
    assert page.locator(".bars i").first.evaluate(printed) == "exact", "bars are backgrounds"
    columns = "table => getComputedStyle(table).columnCount"
    assert page.locator("details > .rows").first.evaluate(columns) == "2", "long lists are short"
    assert not page.locator("nav").is_visible()
    assert not page.locator("p.scripted").is_visible()


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

    assert chart(page, "Losses").locator("path.line").count() == 2
    assert not page.locator("p.scripted").is_visible()
    assert page.get_by_role("heading", name="Warnings").is_visible()
