import json
import logging

import pytest

from sagan.data.image_folder import ImageFolder
from sagan.data.manifest.build import data_hash
from sagan.data.validation_status import ValidationFailedError
from sagan.validation.data_docs import data_docs_page
from sagan.validation.gate import pass_gate
from sagan.validation.report import validate_manifest
from tests.browser import browser
from tests.drawn_images import draw_image_folder
from tests.validation.suites import documents, manifest_of, report_of, small_config

__all__ = ["browser"]  # a fixture


@pytest.fixture
def root(tmp_path):
    return draw_image_folder(tmp_path / "images")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Manifest and report of a sound data set, judged once; tests change copies."""
    return judged(draw_image_folder(tmp_path_factory.mktemp("sound") / "images"))


def judged(root, **thresholds):
    manifest = manifest_of(root)
    return manifest, report_of(manifest, small_config(**thresholds))


def test_a_sound_data_set_passes(sound):
    manifest, report = sound
    assert report["passed"]
    assert report["failures"] == report["warnings"] == report["quarantine"] == []
    assert report["counts"]["images"] == 30
    assert report["class_histogram"]["01_square"] == {"train": 8, "val": 2}
    assert report["facts"]["mode"] == {"RGB": 30}
    assert len(pass_gate(manifest, report)) == 30


def test_the_report_is_plain_json(root):
    (root / "train/00_circle/broken.png").write_bytes(b"")
    _, report = judged(root)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_few_bad_images_are_left_out_and_told(root, caplog):
    (root / "train/00_circle/page.JPEG").write_bytes(b"<html>")
    manifest, report = judged(root)
    assert report["passed"]
    assert report["quarantine"] == [
        {"path": "train/00_circle/page.JPEG", "reason": "not an image but HTML or XML"}
    ]
    assert report["offenders"]["every_image_decodes"] == ["train/00_circle/page.JPEG"]
    with caplog.at_level(logging.INFO):
        validated = pass_gate(manifest, report)
    assert len(validated) == 30
    (warned,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert warned.startswith("every_image_decodes: every image decodes completely")
    checked = len(report["expectations"])
    assert f"30 images pass: {checked - 1} of {checked} expectations are met" in caplog.text
    assert validated["decodable"].all()
    assert data_hash(validated) == report["data_hash"]


def spoil(root, name, data=b""):
    (root / name).write_bytes(data)


def remove_class(root, split, name):
    for path in (root / split / name).iterdir():
        path.write_bytes(b"")


@pytest.mark.parametrize(
    ("spoiling", "thresholds", "said"),
    [
        (lambda r: spoil(r, "train/00_circle/a.JPEG"), {"max_bad_fraction": 0.0}, "few_bad_images"),
        (lambda r: remove_class(r, "val", "01_square"), {}, "same_classes_in_all_splits"),
        (lambda r: None, {"min_classes": 4}, "class_count: .*; found 3"),
        (lambda r: None, {"max_classes": 2}, "class_count: .*; found 3"),
        (lambda r: None, {"min_train_images_per_class": 9}, "enough_images_per_class"),
    ],
)
def test_a_bad_data_set_stops_with_every_reason(root, spoiling, thresholds, said):
    spoiling(root)
    manifest, report = judged(root, **thresholds)
    assert not report["passed"]
    with pytest.raises(ValidationFailedError, match=said):
        pass_gate(manifest, report)


def test_the_reasons_name_the_bad_images(root):
    for number in range(7):
        spoil(root, f"train/00_circle/bad{number}.JPEG")
    manifest, report = judged(root)
    with pytest.raises(ValidationFailedError) as caught:
        pass_gate(manifest, report)
    message = str(caught.value)
    assert "7 images cannot be decoded:" in message
    assert "- train/00_circle/bad4.JPEG: empty file (0 bytes)\n- ..." in message


def test_one_bad_image_is_an_image(root):
    spoil(root, "train/00_circle/bad.JPEG")
    manifest, report = judged(root, max_bad_fraction=0.0)
    with pytest.raises(ValidationFailedError, match="\n1 image cannot be decoded:\n"):
        pass_gate(manifest, report)


def test_control_characters_of_names_are_escaped_in_log_message_and_page(root, caplog):
    raw = "two\nlines\x1b[5m"
    for split in ("train", "val"):
        (root / split / "01_square").rename(root / split / raw)
    spoil(root, f"train/{raw}/ba\nd.png")
    manifest = manifest_of(root)
    folder = ImageFolder.open(root)
    report, results = validate_manifest(manifest, documents(), small_config(), folder)
    page = data_docs_page(report, results)
    with caplog.at_level(logging.INFO):
        pass_gate(manifest, report)
    strict = small_config(max_bad_fraction=0.0)
    with pytest.raises(ValidationFailedError) as caught:
        pass_gate(manifest, report_of(manifest, strict))
    for text in (page, caplog.text, str(caught.value)):
        assert "\x1b" not in text
        assert "two\n" not in text
        assert "ba\n" not in text
        assert r"two\nlines\x1b[5m/ba\nd.png" in text


def test_one_class_is_told_once_with_what_allows_it(tmp_path):
    root = draw_image_folder(tmp_path / "one", classes=1)
    manifest, report = judged(root, min_classes=2)
    with pytest.raises(ValidationFailedError) as caught:
        pass_gate(manifest, report)
    (told,) = [line for line in str(caught.value).split("\n") if "found 1" in line]
    assert "class_count:" in told
    assert "data_validation.thresholds.min_classes=1 (at least 2" in told

    manifest, report = judged(root, min_classes=1)
    pass_gate(manifest, report)


def test_where_no_image_decodes_the_gate_stays_shut(root):
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    manifest, report = judged(root, max_bad_fraction=1.0)
    with pytest.raises(ValidationFailedError) as caught:
        pass_gate(manifest, report)
    (told,) = [line for line in str(caught.value).split("\n") if "an empty table" in line]
    assert told.startswith("- not checked, because there was an empty table: hash_known, format_")


def test_odd_sizes_and_equal_contents_are_warnings(root):
    first = (root / "train/00_circle/0000.png").read_bytes()
    spoil(root, "train/01_square/copy.png", first)
    manifest, report = judged(root, max_side_px=20)
    assert report["passed"]
    told = " ".join(report["warnings"])
    assert "content_once_in_split" in told
    assert "train/01_square/copy.png" in told
    assert "width_in_bounds" in told
    assert len(pass_gate(manifest, report)) == 31


def test_the_report_of_another_data_set_opens_no_gate(root, sound):
    _, report = sound
    assert data_hash(manifest_of(root)) == report["data_hash"]
    (root / "train/00_circle/0000.png").unlink()
    with pytest.raises(ValidationFailedError, match="belongs to another data set"):
        pass_gate(manifest_of(root), report)


@pytest.mark.parametrize("report", [{}, {"expectations": [], "passed": True}, {"passed": "yes"}])
def test_a_report_that_says_nothing_opens_no_gate(sound, report):
    manifest, _ = sound
    with pytest.raises(ValidationFailedError, match=r"another data set|no expectation"):
        pass_gate(manifest, report)
    with pytest.raises(ValidationFailedError, match="no expectation"):
        pass_gate(manifest, {"data_hash": data_hash(manifest), **report})


def test_sound_rows_with_nulls_open_no_gate(sound):
    manifest, report = sound
    manifest = manifest.copy()
    manifest.loc[3, "class_name"] = None
    with pytest.raises(ValidationFailedError, match="1 rows of the manifest have nulls"):
        pass_gate(manifest, report)


def test_data_docs_open_offline_and_show_everything(root):
    spoil(root, "train/00_circle/<b>odd&.JPEG", b"<html>")
    manifest = manifest_of(root)
    report, results = validate_manifest(manifest, documents(), small_config(min_classes=4))
    page = data_docs_page(report, results)
    assert "http:" not in page
    assert "https:" not in page
    assert page.count("<script") == 1, "that of all pages"
    assert "//" not in page.split("</style>")[1]
    assert "<b>odd" not in page
    assert "&lt;b&gt;odd&amp;.JPEG" in page
    for text in ("failed", "class_count", "01_square", report["data_hash"], "fa-times"):
        assert text in page
    assert "thresholds.min_classes=1 (at least 4, at most " in page


def test_data_docs_on_paper_keep_words_whole_and_bars_visible(root, browser):
    html = data_docs_page(*validate_manifest(manifest_of(root), documents(), small_config()))
    context = browser.new_context(viewport={"width": 717, "height": 1000})  # A4 within margins
    page = context.new_page()
    page.emulate_media(media="print")
    page.set_content(html)

    found = page.locator(".outcomes tr:has-text('path_known') td").last
    assert "as expected" in found.inner_text()
    width = found.evaluate("cell => cell.clientWidth")
    assert width > 110, "words stay whole"
    assert page.evaluate("document.documentElement.scrollWidth") == 717
    style = "i => getComputedStyle(i).printColorAdjust"
    assert page.locator(".bars i").first.evaluate(style) == "exact"
    context.close()


def test_data_docs_of_equal_data_are_equal(root):
    pages = [
        data_docs_page(*validate_manifest(manifest_of(root), documents(), small_config()))
        for _ in range(2)
    ]
    assert pages[0] == pages[1]


def test_telemetry_is_off_and_no_progress_bar_is_drawn(root, capfd):
    import os

    judged(root)
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
    captured = capfd.readouterr()
    assert "Calculating Metrics" not in captured.out + captured.err
