import shutil

import pytest
from pydantic import ValidationError

from sagan.data.config import AcquisitionConfig
from sagan.data.sources.acquire import acquire
from sagan.data.sources.selection import Selection
from tests.drawn_images import draw_image_folder

CLASSES = ["n01443537", "n01608432", "n02012849", "n03126707"]
TITLES = {
    "n01443537": "goldfish, Carassius auratus",
    "n01608432": "kite",
    "n02012849": "crane",
    "n03126707": "crane",
}


def choose(**parameters):
    return Selection.of(AcquisitionConfig(**parameters)).choose(CLASSES, TITLES)


def test_nothing_asked_for_is_everything():
    assert choose() == CLASSES
    assert Selection.of(AcquisitionConfig()).is_everything


@pytest.mark.parametrize(
    "asked",
    [
        "n01608432;n01443537",
        "n01608432, n01443537",
        ["n01608432", "n01443537"],
        "kite; Goldfish",
        "kite;carassius_auratus;goldfish",
    ],
)
def test_classes_by_folder_name_or_human_name_in_any_form(asked):
    assert choose(classes=asked) == ["n01443537", "n01608432"]


def test_classes_in_a_file(tmp_path):
    (tmp_path / "mine.txt").write_text("# birds\nn01608432  # kite\n\ngoldfish\n")
    assert choose(classes=f"@{tmp_path / 'mine.txt'}") == ["n01443537", "n01608432"]
    (tmp_path / "none.txt").write_text("# nothing\n")
    with pytest.raises(ValueError, match="names no class"):
        choose(classes=f"@{tmp_path / 'none.txt'}")
    with pytest.raises(FileNotFoundError):
        choose(classes="@/no/such/file")


def test_the_first_classes_go_by_folder_name():
    assert choose(first_classes=2) == ["n01443537", "n01608432"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("n01443538", "there is no class 'n01443538'; did you mean 'n01443537'"),
        ("goldfsh", "there is no class 'goldfsh'; did you mean 'goldfish'"),
        ("submarine", "there are n01443537, n01608432"),
        ("crane", "'crane' is the name of 2 classes: n02012849, n03126707; give one of these"),
    ],
)
def test_a_class_that_is_not_there_or_not_one(asked, said):
    with pytest.raises(ValueError, match=said):
        choose(classes=asked)


def test_contradictions_and_impossible_numbers_are_refused():
    with pytest.raises(ValidationError, match="exclude each other"):
        AcquisitionConfig(classes="a", first_classes=1)
    for name in ("first_classes", "images_per_class", "val_images_per_class"):
        with pytest.raises(ValidationError, match="greater than or equal to 1"):
            AcquisitionConfig(**{name: 0})
    with pytest.raises(ValidationError, match="at least 1 item"):
        AcquisitionConfig(classes=" ; ")


def test_a_part_of_a_class_folder_is_linked_and_of_the_digits_too(tmp_path):
    root = draw_image_folder(tmp_path / "mine")
    config = AcquisitionConfig(path=str(root), first_classes=2, images_per_class=3)
    folder = acquire(config, tmp_path / "raw")
    assert folder.facts()["images"] == {"train": 6, "val": 4}
    assert all((folder.path / image.path).is_file() for image in folder)
    digits = acquire(AcquisitionConfig(source="digits", classes="3;7"), tmp_path / "raw")
    assert digits.class_names == ("3", "7")
    # DVC keeps these images, and would keep nothing of a link to a folder
    assert all((digits.path / image.path).is_symlink() for image in digits)
    assert not (digits.path / "train/3").is_symlink()
    assert (tmp_path / "raw/digits/train/0").is_dir()


def test_another_selection_replaces_the_links(tmp_path):
    root = draw_image_folder(tmp_path / "mine")
    for count in (1, 2, 3):
        folder = acquire(AcquisitionConfig(path=str(root), first_classes=count), tmp_path / "raw")
        assert len(folder.class_names) == count
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["folder_links"]


def linked(tmp_path, count=2):
    root = tmp_path / "mine"
    if not root.exists():
        draw_image_folder(root)
        (root / "class_names.json").write_text('{"circles": "round"}')
    config = AcquisitionConfig(path=str(root), first_classes=count, images_per_class=2)
    return acquire(config, tmp_path / "raw").path


def unlink_one(folder):
    next(folder.glob("train/*/*")).unlink()


def add_note(folder):
    (folder / "note.txt").write_text("mine")


def rename_class(folder):
    (folder / "class_names.json").write_text('{"circles": "discs"}')


@pytest.mark.parametrize(
    ("change", "same", "other"),
    [
        (unlink_one, r"changed since it was written: train/\w+/\w+\.png", "somebody changed it"),
        (rename_class, "changed since it was written: class_names.json", "somebody changed it"),
        (add_note, None, "somebody changed it: note.txt"),
    ],
)
def test_links_that_somebody_changed_are_not_put_back(tmp_path, change, same, other):
    folder = linked(tmp_path)
    change(folder)
    before = sorted(folder.rglob("*"))
    for count, said in ((2, same), (1, other)):
        if said is None:
            linked(tmp_path, count)
        else:
            with pytest.raises(FileExistsError, match=said):
                linked(tmp_path, count)
        assert sorted(folder.rglob("*")) == before
    shutil.rmtree(folder)
    assert linked(tmp_path, 1) == folder


def test_a_folder_of_links_that_is_a_link_is_replaced_behind_it(tmp_path):
    (tmp_path / "big").mkdir()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "folder_links").symlink_to(tmp_path / "big")
    for count in (1, 2, 1):
        assert len(list((linked(tmp_path, count) / "train").iterdir())) == count
    assert (tmp_path / "raw" / "folder_links").is_symlink()


def test_a_folder_in_the_place_of_the_links_is_not_touched(tmp_path):
    root = draw_image_folder(tmp_path / "mine")
    (tmp_path / "raw/folder_links/mine").mkdir(parents=True)
    with pytest.raises(FileExistsError, match="is not a folder of links made by acquisition"):
        acquire(AcquisitionConfig(path=str(root), first_classes=1), tmp_path / "raw")
