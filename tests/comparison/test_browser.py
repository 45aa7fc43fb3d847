"""The comparison's page in a real browser."""

import numpy as np
from playwright.sync_api import Browser, expect

from sagan.comparison.page import render_page, results
from tests.browser import browser
from tests.comparison.fabricated_rows import row
from tests.looked_at import on_a_phone

__all__ = ["browser"]  # a fixture


def test_the_verdict_comes_first_and_its_words_open(browser: Browser, tmp_path) -> None:
    distances = {"sagan": (5.0, 6.0, 5.5), "near": (5.2, 6.3, 5.1), "far": (25.0, 31.0, 40.0)}
    rows = [
        row(name, seed, fd_classifier=value, recall=0.6 + seed / 100, diversity_mean=0.9)
        for name, values in distances.items()
        for seed, value in enumerate(values)
    ]
    html = render_page(rows, results(rows, "sagan"), np.zeros((80, 1200, 3), np.uint8))

    with on_a_phone(browser, html, tmp_path) as page:
        expect(page.locator("#verdict .better")).to_have_text("better")
        words = page.get_by_text("fd_classifier: sagan (5.48) is better than far (31.4)")
        expect(words).not_to_be_visible()
        page.get_by_text("In words").click()
        expect(words).to_be_visible()


def test_a_page_without_a_trained_run_opens_with_its_reason(browser: Browser, tmp_path) -> None:
    rows = [row("sagan", 0, status="diverged")]

    with on_a_phone(browser, render_page(rows, results(rows, "sagan"), None), tmp_path) as page:
        expect(
            page.get_by_text("No run was trained to its end: nothing was measured.")
        ).to_be_visible()
