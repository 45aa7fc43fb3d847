"""The page in a real browser: it loads, a click draws a map, and nothing leaves the machine."""

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from gradio import Blocks, processing_utils
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from sagan.bundle.generator_bundle import GeneratorBundle
from sagan.completion.config import CompletionConfig, EncoderConfig
from sagan.explorer import pictures
from sagan.explorer.candidates import candidates
from sagan.explorer.completer import Completer
from sagan.explorer.completion_tab import PAINT
from sagan.explorer.explore import explore, launch, saved_once
from sagan.explorer.page import Page as ExplorerPage
from sagan.explorer.views import Endpoint, Explorer, LatentPoint, View


@pytest.fixture(scope="module")
def address(browser: Browser, both, tmp_path_factory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("downloads")
    quick = CompletionConfig(refine_steps=3, encoder=EncoderConfig(steps=3))
    completer = Completer(both, "cpu", folder, config=quick)
    blocks = ExplorerPage(candidates([both]), folder, completer).blocks()
    launch(blocks, None, str(folder))
    yield blocks.local_url.rstrip("/")
    blocks.close(verbose=False)


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all pages: Gradio's scripts are fetched and compiled once."""
    opened = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    yield opened
    opened.close()


@pytest.fixture
def opened(context: BrowserContext, address: str) -> Iterator[Page]:
    said: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(address)
    expect(page.locator("#description")).to_contain_text("16x16: peak", timeout=30_000)
    yield page
    page.close()
    # the last is of Gradio's editor, at its first layer
    usual = (address, "data:", "blob:", "No draw texture found for layer")
    assert [text for text in said if not text.startswith(usual)] == []


def test_classes_are_called_what_people_call_them_and_one_output_shows_progress(
    opened: Page,
) -> None:
    expect(opened.locator("#class input")).to_have_value("disc (00_circle)")
    # a completion's does not cover the line below
    code = "window.gradio_config.dependencies.filter(one => one.show_progress_on).length"
    assert opened.evaluate(code) == 1


def test_a_click_draws_a_map(opened: Page) -> None:
    expect(opened.locator(".sample img, .map img")).to_have_count(1 + 2)
    before = opened.locator("#sample-8 img").get_attribute("src")
    sample = opened.locator("#sample img")
    sample.click(trial=True)  # it has its size when it can be clicked
    box = sample.bounding_box()

    sample.click(position={"x": 0.1 * box["width"], "y": 0.9 * box["height"]})

    expect(opened.locator("#sample-8 img")).not_to_have_attribute("src", before)
    assert opened.evaluate("document.documentElement.scrollWidth") == 390, "nothing sticks out"


def test_a_number_beyond_a_slider_is_its_end(opened: Page, capfd) -> None:
    number = opened.locator("#t input[type=number]")
    opened.get_by_label("Seed of the other").fill("5")
    opened.get_by_label("Seed of the other").blur()
    before = opened.locator("#sample img").get_attribute("src")
    number.fill("7")
    number.blur()
    expect(opened.locator("#npz")).to_have_text("Latents (NPZ)")
    expect(opened.locator("#sample img")).not_to_have_attribute("src", before)
    number.fill("")
    expect(opened.locator("#sample img")).to_have_attribute("src", before)
    assert "Traceback" not in "".join(capfd.readouterr())


def test_a_seed_another_sample_and_an_interpolation_draw_and_download(
    opened: Page, tmp_path
) -> None:
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
    for seed_of_other in ("1", "2"):  # the second is not the first once more
        opened.get_by_label("Seed of the other").fill(seed_of_other)
        opened.get_by_label("Seed of the other").blur()
        with opened.expect_download() as download:
            opened.locator("#film").click()
        download.value.save_as(tmp_path / f"{seed_of_other}.webp")
    first, second = (Image.open(tmp_path / f"{number}.webp") for number in (1, 2))
    assert min(first.n_frames, second.n_frames) > 20  # of 48, where two are alike they are one
    assert (np.asarray(first) == np.asarray(second)).all()
    for film in (first, second):
        film.seek(film.n_frames // 2)
    assert (np.asarray(first) != np.asarray(second)).any()

    def interpolate() -> None:
        opened.locator("#t input[type=number]").fill("0.5")
        opened.locator("#t input[type=number]").blur()

    changes(interpolate)
    expect(opened.get_by_role("button", name=re.compile("not between classes"))).to_be_visible()


def test_the_enlarged_sample_is_the_marked_one(opened: Page, both, tmp_path) -> None:
    samples = opened.locator("#gallery button.thumbnail-item")
    marked = opened.locator("#gallery .selected")
    expect(marked).to_have_accessible_name("Thumbnail 1 of 8")
    shown = opened.locator("#sample img")
    for act in (
        samples.nth(3).click,
        lambda: opened.locator("#seed input").fill("5"),
    ):
        before = shown.get_attribute("src")
        act()
        opened.locator("#seed input").blur()
        expect(shown).not_to_have_attribute("src", before)
    expect(marked).to_have_accessible_name("Thumbnail 4 of 8")
    with opened.expect_download() as download:
        opened.locator("#png").click()
    assert download.value.suggested_filename == "class0_seed5_3.png"
    download.value.save_as(tmp_path / "fourth.png")
    picture = np.asarray(Image.open(tmp_path / "fourth.png")).transpose(2, 0, 1)
    assert (picture == Explorer(both).view(LatentPoint(Endpoint(0, 5, 3))).image).all()

    opened.locator("#shown").get_by_label("raw").check()
    before = shown.get_attribute("src")
    samples.nth(8 + 2).click()
    expect(shown).not_to_have_attribute("src", before)
    opened.locator("#shown").get_by_label("raw").uncheck()
    expect(marked).to_have_accessible_name("Thumbnail 3 of 8")


def test_a_film_that_is_refused_downloads_no_earlier_one(opened: Page) -> None:
    downloaded: list[str] = []
    opened.on("download", lambda one: downloaded.append(one.suggested_filename))
    film = opened.locator("#film")
    with opened.expect_download():
        film.click()
    expect(film).to_have_text("Film (WebP)")
    opened.get_by_label("Class of the other").click()
    opened.get_by_role("option", name="disc").click()
    film.click()
    expect(opened.get_by_text("choose another class or seed")).to_be_visible()
    expect(film).to_have_text("Film (WebP)")
    expect(film).to_be_enabled()
    opened.wait_for_timeout(500)  # in which a download would have begun
    assert downloaded == ["class0_seed0_0_to_class2_seed0_0.webp"]


UPLOADED = (90, 60, 30)


def coloured(canvas: Locator, colour: tuple[int, int, int], down: int = 0) -> list[bool]:
    """Whether the editor has a colour 55 px to the left and to the right below its middle."""
    shown = np.asarray(Image.open(BytesIO(canvas.screenshot())).convert("RGB")).astype(int)
    row, middle = shown[len(shown) // 2 + down], shown.shape[1] // 2
    return [bool(np.abs(row[middle + x] - colour).max() < 10) for x in (-55, 55)]


def wait_until(condition: Callable[[], bool], page: Page) -> None:
    """For 30 seconds at most."""
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        page.wait_for_timeout(200)


def test_an_uploaded_image_is_completed_under_a_painted_mask(opened: Page, tmp_path) -> None:
    opened.get_by_role("tab", name="Completion").click()
    canvas = opened.locator("#editor canvas").first
    expect(canvas).to_be_visible(timeout=30_000)
    Image.new("RGB", (40, 24), UPLOADED).save(tmp_path / "mine.png")
    with opened.expect_file_chooser() as chooser:
        opened.locator("#upload").click()
    chooser.value.set_files(tmp_path / "mine.png")
    canvas.scroll_into_view_if_needed()
    wait_until(lambda: coloured(canvas, UPLOADED, down=-40) == [True, True], opened)
    opened.locator("#mask input").click()
    opened.get_by_role("option", name="left_half").click()
    canvas.scroll_into_view_if_needed()
    wait_until(lambda: coloured(canvas, PAINT) == [True, False], opened)
    box = canvas.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    opened.mouse.move(middle[0] + 40, middle[1])
    opened.mouse.down()
    opened.mouse.move(middle[0] + 70, middle[1] - 5, steps=5)
    opened.mouse.up()
    wait_until(lambda: coloured(canvas, PAINT) == [True, True], opened)
    assert coloured(canvas, PAINT) == [True, True]

    opened.locator("#complete").click()

    expect(opened.locator("#completions button.thumbnail-item")).to_have_count(4, timeout=30_000)
    attention = opened.locator("#said2")
    expect(attention).to_contain_text("16x16", timeout=30_000)
    share = int(re.search(r"are (\d+)% of the image", attention.inner_text()).group(1))
    assert 30 < share < 50, "the left half, and what was painted beside it"
    before = opened.locator("#hole2 img").get_attribute("src")
    opened.locator("#completions button.thumbnail-item").nth(2).click()
    expect(opened.locator("#hole2 img")).not_to_have_attribute("src", before, timeout=30_000)
    expect(opened.locator("#said0")).to_contain_text("completion 3")
    opened.locator("#offered button.thumbnail-item").nth(1).click()
    expect(opened.locator("#completions button.thumbnail-item")).to_have_count(0)
    expect(opened.locator("#said0")).to_be_hidden()
    assert opened.evaluate("document.documentElement.scrollWidth") == 390, "nothing sticks out"


def test_a_negative_seed_is_refused_in_our_words_and_without_a_traceback(
    opened: Page, capsys
) -> None:
    opened.locator("#seed input").fill("-5")
    opened.locator("#seed input").blur()

    expect(opened.get_by_text("seed: expected 0 .. 2**64 - 1, got -5")).to_be_visible()
    assert "Traceback" not in capsys.readouterr().err


def test_raw_weights_are_set_beside_the_averaged_ones_and_shown_alone(
    opened: Page, both, tmp_path
) -> None:
    shown, samples = opened.locator("#shown"), opened.locator("#gallery button.thumbnail-item")
    expect(samples).to_have_count(8)
    expect(opened.locator("#other1 img")).to_have_count(0)

    shown.get_by_label("raw").check()

    expect(opened.locator("#other1 img")).to_be_visible()
    expect(opened.locator(".sample img, .map img")).to_have_count(2 * (1 + 2))
    expect(samples).to_have_count(16)
    expect(opened.locator("#description")).to_contain_text("raw, 16x16: peak")
    pictures = [
        opened.locator(f"{name} img").get_attribute("src") for name in ("#sample", "#other1")
    ]
    assert pictures[0] != pictures[1]
    assert opened.evaluate("document.documentElement.scrollWidth") == 390, "nothing sticks out"

    samples.nth(8 + 2).click()  # the third sample, of the raw weights
    expect(opened.locator("#other1 img")).not_to_have_attribute("src", pictures[1])
    shown.get_by_label("averaged").uncheck()
    expect(opened.locator("#sample img")).to_have_count(0)
    expect(opened.locator("#description")).not_to_contain_text("averaged")
    with opened.expect_download() as download:
        opened.locator("#png").click()
    download.value.save_as(tmp_path / "third.png")
    picture = np.asarray(Image.open(tmp_path / "third.png")).transpose(2, 0, 1)
    wanted = Explorer(both.choose("raw")).view(LatentPoint(Endpoint(0, index=2))).image
    assert (picture == wanted).all()


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/config", {}, 200),
        ("GET", "/config", {"Host": "evil.example"}, 421),
        ("GET", "/config", {"Origin": "http://evil.example"}, 403),
        ("GET", "/config", {"Origin": "null"}, 403),
        ("GET", "/config", {"Origin": "http://localhost:1"}, 403),
        ("OPTIONS", "/config", {"Host": "evil.example", "Origin": "http://evil.example"}, 421),
        ("POST", "/gradio_api/upload", {}, 413),
        ("POST", "/gradio_api/upload", {"Content-Length": "20000001"}, 413),
        ("POST", "/gradio_api/upload", {"Origin": "http://evil.example"}, 403),
        ("POST", "/gradio_api/component_server", {"Content-Length": "2"}, 404),
        ("GET", "/gradio_api/proxy=http://evil.example/", {}, 404),
        ("POST", "/gradio_api/run/predict", {}, 404),
        ("POST", "/gradio_api/queue/join", {}, 413),
        ("POST", "/gradio_api/queue/join", {"Content-Length": "65537"}, 413),
    ],
)
def test_requests_of_other_pages_are_refused(
    address: str, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    connection = HTTPConnection(address.removeprefix("http://"), timeout=30)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == status
    if status != 200:
        assert answer.getheader("Access-Control-Allow-Origin") is None
    connection.close()


def test_a_picture_is_not_written_while_it_is_read(address: str, tmp_path) -> None:
    assert processing_utils.save_pil_to_cache is saved_once
    picture = Image.new("RGB", (9, 9), "red")
    first = Path(saved_once(picture, str(tmp_path), format="png"))
    written = first.stat().st_mtime_ns
    assert Path(saved_once(picture, str(tmp_path), format="png")) == first
    assert first.stat().st_mtime_ns == written
    assert (np.asarray(Image.open(first)) == np.asarray(picture)).all()


def test_one_file_is_not_written_by_two_threads_at_once(both, tmp_path, monkeypatch) -> None:
    page = ExplorerPage(candidates([both]), tmp_path)
    values = ([0], 0, 0, False, 1.0, 0.0, 1, 0, 0, (0.5, 0.5))
    writing, most, write = [], [], pictures.write_png

    def slowly(path: Path, view: View) -> None:
        writing.append(path)
        time.sleep(0.05)
        most.append(len(writing))
        writing.remove(path)
        write(path, view)

    monkeypatch.setattr(pictures, "write_png", slowly)
    with ThreadPoolExecutor(4) as threads:
        drawn = [threads.submit(page.draw, *values) for _ in range(8)]
        assert len([one.result() for one in drawn]) == 8
    assert max(most) == 1


def test_nothing_is_left_in_the_temporary_folder(both, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("gradio.routes.DEFAULT_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)

    def stop(blocks: Blocks) -> None:
        assert Path(blocks.GRADIO_CACHE).is_relative_to(tmp_path)
        blocks.close(verbose=False)
        raise KeyboardInterrupt

    monkeypatch.setattr(Blocks, "block_thread", stop)
    explore(both.path)
    assert list(tmp_path.iterdir()) == []
    assert "GRADIO_TEMP_DIR" not in os.environ


@pytest.mark.parametrize("computing", [0, 1])
def test_a_page_that_still_computes_ends_before_torch_can_abort(
    computing: int, both, monkeypatch
) -> None:
    """Torch calls std::terminate where Python ends while another thread computes."""

    def stop(blocks: Blocks) -> None:
        blocks.close(verbose=False)
        raise KeyboardInterrupt

    begin, left = Completer.__init__, []

    def begun(completer: Completer, *given) -> None:
        begin(completer, *given)
        completer.computing = computing

    monkeypatch.setattr(Completer, "__init__", begun)
    monkeypatch.setattr(Blocks, "block_thread", stop)
    monkeypatch.setattr(os, "_exit", left.append)
    explore(both.path)
    assert left == [0] * computing


def test_a_search_counts_as_computing_until_it_ends(both, tmp_path) -> None:
    quick = CompletionConfig(refine_steps=3, encoder=EncoderConfig(steps=1))
    completer = Completer(GeneratorBundle.open(both.path), "cpu", tmp_path, None, quick)
    image = completer.offered[0]
    hidden = np.arange(image[0].size).reshape(image[0].shape) < image[0].size // 2
    search = completer.complete(image, hidden, None)
    next(search)
    assert completer.computing == 1
    search.close()
    assert completer.computing == 0
