"""A page of ours as a reader has it: from the disk, without a network, on a phone at night."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


@contextmanager
def on_a_phone(browser: Browser, html: str, folder: Path) -> Iterator[Page]:
    """Open the page; what it says in the console, asks for, or lets stick out is a fault."""
    path = folder / "page.html"
    path.write_text(html, encoding="utf-8")
    context = browser.new_context(**PHONE)
    page, said = context.new_page(), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(path.as_uri())
    yield page
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]
    assert dark(page), "dark at night"
    context.close()
    assert [text for text in said if not text.startswith((path.as_uri(), "data:"))] == []


def dark(page: Page) -> bool:
    """Whether the page's ground is darker than its letters."""
    levels = """
        name => getComputedStyle(document.body)[name].match(/[0-9.]+/g).slice(0, 3)
        .reduce((sum, level) => sum + Number(level), 0)
    """
    return bool(page.evaluate(levels, "background-color") < page.evaluate(levels, "color"))
