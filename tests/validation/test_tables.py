"""What the tables add to the manifest: copies, names, shapes, labels; and the pictures of it."""

import base64
import io
import shutil

import pandas as pd
import pytest
from PIL import Image

from sagan.data.image_folder import ImageFolder
from sagan.validation.duplicates import find_duplicates, first_with_same_text
from sagan.validation.pictures import EACH, SIDE_PX, offender_pictures
from sagan.validation.report import quarantine, validate_manifest
from sagan.validation.tables import build_tables
from tests.data.bad_images import BAD, ODD
from tests.drawn_images import draw_image_folder
from tests.validation.suites import documents, manifest_of, outcomes_of, report_of, small_config


@pytest.fixture
def root(tmp_path):
    return draw_image_folder(tmp_path / "images")


def copy(root, source, target):
    shutil.copy(root / source, root / target)


def rows(*described):
    """A manifest's columns that copies are found by."""
    return pd.DataFrame(
        [
            {
                "path": path,
                "split": path.split("/")[0],
                "class_name": path.split("/")[1],
                "sha256": h,
            }
            for path, h in described
        ]
    )


def test_copies_of_every_kind_name_an_earlier_twin():
    table = rows(
        ("train/a/1", "x"),
        ("train/a/2", "y"),
        ("train/a/3", "x"),
        ("train/b/4", "x"),
        ("val/b/5", "x"),
        ("val/b/6", "z"),
        ("val/a/7", "z"),
        ("val/a/8", None),
        ("train/b/9", None),
    )
    found = {name: twins.tolist() for name, twins in find_duplicates(table).items()}
    none = None
    assert found["copy_of"] == [
        *(none, none, "train/a/1", "train/a/1", none, none, "val/b/6", none, none)
    ]
    assert found["copy_in_train"] == [
        *(none, none, none, none, "train/a/1", none, none, none, none)
    ]
    assert found["copy_in_other_class"] == [
        *(none, none, none, "train/a/1", "train/a/1", none, "val/b/6", none, none)
    ]


def test_no_copies_and_no_rows():
    for table in (rows(("train/a/1", "x"), ("val/a/2", "y")), rows(("train/a/1", "x")).iloc[:0]):
        for twins in find_duplicates(table).values():
            assert twins.tolist() == [None] * len(table)


def test_equal_texts_name_the_first():
    paths = pd.Series(["a/X.png", "a/x.png", "a/y.png"])
    assert first_with_same_text(paths.str.lower(), paths).tolist() == [None, "a/X.png", None]


@pytest.mark.parametrize(
    ("source", "target", "failed"),
    [
        ("train/00_circle/0000.png", "train/00_circle/again.png", {"content_once_in_split"}),
        (
            "train/00_circle/0000.png",
            "train/01_square/again.png",
            {"content_once_in_split", "content_of_one_class"},
        ),
        ("train/00_circle/0000.png", "val/00_circle/again.png", {"content_in_one_split"}),
        ("train/00_circle/0000.png", "train/00_circle/named.jpg", {"format_fits_name"}),
        ("train/00_circle/0000.png", "train/00_circle/0000.PNG", {"case_twin_none"}),
        ("train/00_circle/0000.png", "train/00_circle/data.raw", {"suffix_known"}),
        ("train/00_circle/0000.png", "train/00_circle/a\nb.png", {"path_printable"}),
    ],
)
def test_odd_files_are_warnings(root, source, target, failed):
    copy(root, source, target)
    outcomes = outcomes_of(manifest_of(root), small_config())
    found = {name for name, outcome in outcomes.items() if not outcome.passed}
    assert failed <= found
    if "content_once_in_split" not in failed:
        assert not any(outcomes[name].severity == "critical" for name in found)
    assert all(outcomes[name].offenders for name in failed)


@pytest.mark.parametrize("name", ["cmyk.JPEG", "palette.png", "deep.png"])
def test_unusual_modes_and_shapes_are_told(root, name):
    (root / "train/00_circle" / name).write_bytes(ODD[name][0]())
    outcomes = outcomes_of(
        manifest_of(root), small_config(max_aspect_ratio=1.2, max_image_bytes=51)
    )
    assert outcomes["mode_usual"].offenders == [f"train/00_circle/{name} ({ODD[name][1]})"]
    assert outcomes["aspect_in_bounds"].offenders == [f"train/00_circle/{name} (1.333)"]
    assert outcomes["bytes_in_bounds"].unexpected_count == 31
    assert outcomes["bytes_in_bounds"].expected["max_value"] == 51


def test_leaks_above_the_share_that_is_allowed_stop_the_run(root):
    for number in range(3):
        copy(root, f"train/00_circle/000{number}.png", f"val/00_circle/leak{number}.png")
    report = report_of(manifest_of(root))
    assert not report["passed"]
    (failure,) = report["failures"]
    assert failure.startswith("few_leaked_images: ")
    assert failure.endswith("found 0.3333")  # 3 of 9


def test_an_empty_class_and_one_of_broken_files_are_named(root):
    for path in (root / "train/01_square").iterdir():
        path.write_bytes(b"")
    outcomes = outcomes_of(manifest_of(root), small_config())
    for name in ("no_empty_class", "same_classes_in_all_splits", "few_bad_images_per_class"):
        assert not outcomes[name].passed
        assert outcomes[name].offenders[0].startswith("01_square")


def test_labels_follow_known_classes(root, tmp_path):
    def failed(*names):
        (tmp_path / "known.txt").write_text("\n".join(names))
        report = report_of(manifest_of(root), small_config(known=str(tmp_path / "known.txt")))
        return {text.partition(":")[0] for text in report["failures"]}

    in_order = ("00_circle", "00_other", "01_square", "02_triangle")
    assert failed(*in_order) == set()  # a part of the known ones, in their order
    assert failed(*reversed(in_order)) == {"labels_as_known"}
    assert failed("00_circle", "01_square") == {"classes_known", "labels_as_known"}


def test_the_quarantine_lists_every_file_that_does_not_go_on(root):
    for name in ("empty.JPEG", "page.JPEG", "bomb.png"):
        (root / "train/00_circle" / name).write_bytes(BAD[name][0]())
    table = quarantine(manifest_of(root))
    assert table["path"].str.rpartition("/")[2].tolist() == ["bomb.png", "empty.JPEG", "page.JPEG"]
    assert table["reason"].str.contains("bomb|empty|HTML").all()
    assert table["bytes"].tolist() == [
        len(BAD[n][0]()) for n in ("bomb.png", "empty.JPEG", "page.JPEG")
    ]
    assert quarantine(manifest_of(root).iloc[:0]).columns.tolist() == table.columns.tolist()


def test_offenders_are_shown_beside_what_they_copy(root):
    (root / "words.txt").write_text("01_square\tQuadrat\n")
    copy(root, "train/00_circle/0000.png", "train/01_square/again.png")
    (root / "train/00_circle/broken.png").write_bytes(b"")
    folder = ImageFolder.open(root)
    report, _ = validate_manifest(manifest_of(root), documents(), small_config(), folder)
    assert report["class_titles"] == {"01_square": "Quadrat"}
    shown = [
        (picture["expectation"], picture["path"])
        for picture in report["pictures"]
        if picture["expectation"] == "content_once_in_split"
    ]
    assert shown == [
        ("content_once_in_split", "train/01_square/again.png"),
        ("content_once_in_split", "train/00_circle/0000.png"),
    ]
    kind, _, data = report["pictures"][0]["picture"].partition(";base64,")
    assert kind == "data:image/webp"
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert picture.size == (24, 24)


def test_pictures_are_few_small_and_go_without_what_cannot_be_shown(tmp_path):
    Image.new("CMYK", (900, 300)).save(tmp_path / "wide.jpg")
    (tmp_path / "bomb.png").write_bytes(BAD["bomb.png"][0]())
    many = [("wide.jpg", "")] * 50
    images = {"a": many, "b": [("bomb.png", ""), ("gone.png", "")], "c": many}
    found = offender_pictures(tmp_path, images, limit=10)
    assert [each["expectation"] for each in found] == ["a"] * EACH + ["b"] * 2 + ["c"] * 2
    assert [bool(each["picture"]) for each in found] == [True] * EACH + [False] * 2 + [True] * 2
    data = found[0]["picture"].partition(",")[2]
    with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
        assert max(picture.size) == SIDE_PX


def test_a_manifest_of_no_decodable_image_makes_tables(root):
    for path in root.rglob("*.png"):
        path.write_bytes(b"")
    tables = build_tables(manifest_of(root))
    assert len(tables["decodable_images"]) == 0
    assert tables["dataset"]["bad_fraction"].tolist() == [1.0]
