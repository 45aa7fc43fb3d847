"""A real browser, headless: Debian's Chromium, driven by Playwright.

Where there is none, tests that ask for it are skipped; with SAGAN_REQUIRE_ALL=1 they fail.
"""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

expect.set_options(timeout=30_000)  # milliseconds; on a busy machine the usual five are too few
NAMES = ("chromium", "chromium-browser", "google-chrome")


# Playwright takes one at a time in a process: each module has its own, and ends it
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the module's tests; each opens a context of its own."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        said = f"no browser found ({', '.join(NAMES)}); apt-get install chromium"
        if os.environ.get("SAGAN_REQUIRE_ALL"):
            pytest.fail(said)
        pytest.skip(said)
    with sync_playwright() as playwright:
        # no sandbox, since tests may run as root; the pages are our own
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
