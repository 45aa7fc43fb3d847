import logging

import pytest

from sagan.data.image_folder import ImageFolder
from tests.drawn_images import draw_image_folder


def test_a_sound_folder_tells_its_facts(tmp_path):
    folder = ImageFolder.open(draw_image_folder(tmp_path / "images"))
    assert folder.splits == ("train", "val")
    assert folder.class_names == ("00_circle", "01_square", "02_triangle")
    counts = {"train": 24, "val": 6}
    assert folder.facts() == {"classes": 3, "images": counts, "published": False}


def test_files_come_sorted_and_hidden_ones_do_not_come(tmp_path):
    root = draw_image_folder(tmp_path / "images", classes=2, per_class=2, val_per_class=0)
    (root / "train/00_circle/.DS_Store").write_bytes(b"x")
    (root / "train/.cache").mkdir()
    folder = ImageFolder.open(root)
    assert folder.splits == ("train",)
    assert [image.path for image in folder] == [
        "train/00_circle/0000.png",
        "train/00_circle/0001.png",
        "train/01_square/0000.png",
        "train/01_square/0001.png",
    ]


def test_a_validation_split_of_another_name_is_not_passed_over_in_silence(tmp_path, caplog):
    root = draw_image_folder(tmp_path / "images", classes=2, per_class=2, val_per_class=2)
    (root / "test").mkdir()
    ImageFolder.open(root)
    assert caplog.text == "", "ImageNet's own layout: test/ has no labels"
    (root / "val").rename(root / "valid")
    for _ in range(2):  # as several pipelines of one run do
        assert ImageFolder.open(root).splits == ("train",)
    (said,) = caplog.messages
    assert said.endswith("has no val/, and a split of another name is not read: valid/, test/")


def test_a_missing_root_is_named_with_the_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere' does not exist\nexpected layout"):
        ImageFolder.open(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "said"),
    [("images.tar", "is a file; extract it first"), ("a.JPG", "is one image, not a folder")],
)
def test_a_file_in_place_of_a_folder_is_refused(tmp_path, name, said):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ValueError, match=said):
        ImageFolder.open(tmp_path / name)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "the folder is empty"),
        (["cat/1.png", "dog/1.png"], "there is no train/ in it; it has cat, dog"),
        (
            ["images/train/cat/1.png"],
            "there is no train/ in it, but in '.*images': use that path",
        ),
        (["train/1.png", "train/2.png"], r"train/ has 2 images directly \(1.png, 2.png\)"),
        (["train/cat/1.png", "train/2.JPEG"], r"train/ has 1 images directly \(2.JPEG\)"),
        (["train/readme.txt"], "train/ has no class folders"),
        (["train/train/cat/1.png"], "one folder level too many: use '.*/train' as the path"),
        (
            ["train/n01/images/1.JPEG"],
            r"n01 \(train/n01/ has images\), as Tiny .*=tiny_imagenet reads; move the images up",
        ),
        (["train/n01/big/1.JPEG"], r"n01 \(train/n01/ has big\); move the images up"),
        (["train/cat/1.png", "train/dog/"], "empty class folders in train/: dog"),
        (
            ["train/cat/1.png", "val/ILSVRC2012_val_00000001.JPEG"],
            "no class folders, as ILSVRC-2012 ships it; name the table .*LOC_val_solution.csv",
        ),
        (
            ["train/cat/1.png", "train/dog/1.png", "val/cat/1.png"],
            "1 classes of train/ are missing in val/: dog",
        ),
    ],
)
def test_a_bad_layout_is_refused_in_the_users_words(tmp_path, files, said):
    root = tmp_path / "root"
    root.mkdir()
    for name in files:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    with pytest.raises(ValueError, match=said) as caught:
        ImageFolder.open(root)
    assert "expected layout:" in str(caught.value)


def test_differing_class_sets_name_ten_classes_and_the_count(tmp_path):
    root = draw_image_folder(tmp_path / "images", classes=1, per_class=1, val_per_class=1)
    for number in range(12):
        (root / f"train/only{number:02d}").mkdir()
        (root / f"train/only{number:02d}/1.png").write_bytes(b"x")
    with pytest.raises(ValueError, match="12 classes of train/ are missing in val/") as caught:
        ImageFolder.open(root)
    assert "only09, ..." in str(caught.value)
    assert "only10" not in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path):
    root = draw_image_folder(tmp_path / "images")
    (root / "train/empty").mkdir()
    (root / "val/03_star/deeper").mkdir(parents=True)
    with pytest.raises(ValueError, match="cannot be used") as caught:
        ImageFolder.open(root)
    assert "empty class folders in train/: empty" in str(caught.value)
    assert "class folders in val/ have folders" in str(caught.value)


def test_files_and_folders_that_are_no_images_are_ignored_and_counted_once(tmp_path, caplog):
    root = draw_image_folder(tmp_path / "images", classes=2)
    before = [image.path for image in ImageFolder.open(root)]
    circles = root / "train/00_circle"
    for name in ("Thumbs.db", "desktop.ini", "1.txt", "2.TXT", "1.json", "1.xml", ".DS_Store"):
        (circles / name).write_text("x")
    for name in ("@eaDir", "masks"):
        (circles / name).mkdir()
        (circles / name / "1.png").write_bytes(b"x")
    for name in ("@eaDir", "__MACOSX"):
        (root / "train" / name).mkdir()
    with caplog.at_level(logging.WARNING):
        folder = ImageFolder.open(root)
        assert [image.path for image in folder] == before
        assert sum(folder.facts()["images"].values()) == len(before)
        ImageFolder.open(root)
    (told,) = [record.getMessage() for record in caplog.records]
    assert "2 *.txt" in told
    assert "2 @eaDir/" in told
    assert "(8 in all)" in told


def test_what_is_ignored_behind_links_is_named_where_it_lies(tmp_path, caplog):
    mine = draw_image_folder(tmp_path / "mine", classes=2)
    (mine / "train/00_circle/notes.txt").write_text("x")
    for number, split in ((1, "train"), (2, "val")):
        linked = tmp_path / f"links{number}" / "train"
        linked.mkdir(parents=True)
        for folder in (mine / split).iterdir():
            (linked / folder.name).symlink_to(folder)
    with caplog.at_level(logging.WARNING):
        ImageFolder.open(tmp_path / "links1")
        ImageFolder.open(tmp_path / "links2")
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == f"ignored in '{mine / 'train'}', since they are no images: 1 *.txt"


def test_a_file_of_an_unknown_kind_is_left_to_validation(tmp_path):
    root = draw_image_folder(tmp_path / "images", classes=2)
    for name in ("scan.raw", "noending", "json"):
        (root / "train/00_circle" / name).write_bytes(b"x")
    names = {image.path.rpartition("/")[2] for image in ImageFolder.open(root)}
    assert {"scan.raw", "noending", "json"} <= names


def test_a_class_of_captions_alone_is_empty(tmp_path):
    root = draw_image_folder(tmp_path / "images", classes=2)
    (root / "train/dog2").mkdir()
    (root / "train/dog2/1.txt").write_text("a dog")
    with pytest.raises(ValueError, match=r"empty class folders in train/: dog2"):
        ImageFolder.open(root)


def test_a_stray_text_file_is_told_not_refused(tmp_path, caplog):
    root = draw_image_folder(tmp_path / "images")
    (root / "train/README.txt").write_text("hello")
    with caplog.at_level(logging.WARNING):
        ImageFolder.open(root)
    assert "1 *.txt" in caplog.text


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_file_in_the_place_of_a_split_is_named(tmp_path, split):
    root = draw_image_folder(tmp_path / "images")
    (root / split).rename(tmp_path / "elsewhere")
    (root / split).write_text("")
    with pytest.raises(ValueError, match=f"- {split} is a file; expected the folder"):
        ImageFolder.open(root)


def test_a_link_to_itself_is_as_one_to_nothing(tmp_path):
    root = draw_image_folder(tmp_path / "images", classes=1, per_class=1, val_per_class=0)
    (root / "train/00_circle/1.png").symlink_to("1.png")
    assert ImageFolder.open(root).images == {"train": {"00_circle": 2}}  # validation names it
    (root / "train/01_square").symlink_to("01_square")
    with pytest.raises(ValueError, match="links in train/ point to nothing: 01_square"):
        ImageFolder.open(root)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_on_a_disk_that_is_not_mounted_is_no_smaller_set(tmp_path, split):
    root = draw_image_folder(tmp_path / "images")
    (root / split).rename(tmp_path / split)
    (root / split).symlink_to(tmp_path / "unmounted")
    with pytest.raises(ValueError, match=f"{split} is a link to nothing"):
        ImageFolder.open(root)
