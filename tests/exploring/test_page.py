"""The page in a real browser: it loads, a click draws a map, and nothing leaves the machine."""

import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from sagan.exploring.__main__ import HOST, free_port
from sagan.exploring.views import Explorer


@pytest.fixture(scope="module")
def address(browser: Browser, bundle, tmp_path_factory) -> Iterator[str]:
    from sagan.exploring import page

    folder = tmp_path_factory.mktemp("downloads")
    blocks = page.build(Explorer(bundle), Explorer(bundle), folder)
    port = free_port(None)
    page.launch(blocks, HOST, port, str(folder))
    yield f"http://{HOST}:{port}"
    blocks.close(verbose=False)


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Page]:
    said: list[str] = []
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(address)
    expect(page.locator("#said")).to_contain_text("16x16: peak", timeout=30_000)
    yield page
    context.close()
    assert [text for text in said if not text.startswith((address, "data:", "blob:"))] == []


def test_classes_are_called_what_people_call_them(opened: Page) -> None:
    expect(opened.locator("#class input")).to_have_value("disc (00_circle)")


def test_a_click_draws_a_map(opened: Page) -> None:
    pictures = opened.locator("#sample img, .map img")
    expect(pictures).to_have_count(1 + 4)
    before = opened.locator("#sample-8 img").get_attribute("src")
    box = opened.locator("#sample img").bounding_box()

    opened.locator("#sample img").click(
        position={"x": 0.1 * box["width"], "y": 0.9 * box["height"]}
    )

    expect(opened.locator("#sample-8 img")).not_to_have_attribute("src", before)
    assert opened.evaluate("document.documentElement.scrollWidth") == 390, "nothing sticks out"


def test_a_seed_another_sample_and_a_slide_draw_and_download(opened: Page, tmp_path) -> None:
    def changes(act) -> None:
        before = opened.locator("#sample img").get_attribute("src")
        act()
        expect(opened.locator("#sample img")).not_to_have_attribute("src", before)

    def seed() -> None:
        opened.locator("#seed input").fill("5")
        opened.locator("#seed input").blur()

    changes(seed)
    changes(lambda: opened.locator("#gallery button.thumbnail-item").nth(3).click())
    with opened.expect_download() as download:
        opened.locator("#npz").click()
    download.value.save_as(tmp_path / "kept.npz")
    with np.load(tmp_path / "kept.npz") as kept:
        assert kept["latents"].shape == (1, 12)
        assert kept["class_labels"].tolist() == [0]

    def slide() -> None:
        opened.locator("#share input[type=number]").fill("0.5")
        opened.locator("#share input[type=number]").blur()

    changes(slide)
    expect(opened.get_by_role("button", name=re.compile("not between classes"))).to_be_visible()
