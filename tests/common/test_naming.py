"""What people call the classes."""

import pytest

from sagan.common.naming import by_title, folder_name, full_names, short_names, split_names

NAMES = ("n01443537", "n02012849", "n03126707", "plain")
TITLES = {
    "n01443537": "goldfish, Carassius auratus",
    "n02012849": "crane",
    "n03126707": "crane, hoisting machine",
}


def test_short_names_are_all_different():
    assert short_names(NAMES, TITLES) == (
        "goldfish",
        "crane (n02012849)",
        "crane (n03126707)",
        "plain",
    )


def test_a_title_that_is_another_class_s_name_keeps_its_own_behind():
    assert short_names(("a", "b"), {"a": "b"}) == ("b (a)", "b")
    assert short_names(("a", "b"), {"a": "b", "b": "c"}) == ("b (a)", "c")


def test_full_names_have_both():
    assert full_names(NAMES[:1] + NAMES[3:], TITLES) == ("goldfish (n01443537)", "plain")
    assert full_names(("5",), {"5": "5"}) == ("5",)
    assert full_names(("a",), {"a": " , second"}) == ("a",)


def test_classes_are_found_by_any_synonym():
    found = by_title(NAMES, TITLES)
    assert found["carassius auratus"] == ["n01443537"]
    assert found["crane"] == ["n02012849", "n03126707"]


def test_names_are_split_outside_of_quotes():
    assert split_names('a, "b, c" ;"d;"",e"; f g,', ",;") == ["a", "b, c", 'd;",e', "f g"]
    for broken in ('"a, b', '"a"b'):
        with pytest.raises(ValueError, match="in quotes"):
            split_names(broken)


def test_ordinary_names_are_folders_names_as_they_are():
    for name in ("n01443537", "goldfish", "Größe 3", "猫", "a.b", "con_1", "-x"):
        assert folder_name(name) == name


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        (".hidden", "%2Ehidden"),
        ("end. ", "end.%20"),
        ("100%", "100%25"),
        ("CON", "%43%4F%4E"),
        ("nul.txt", "%6E%75%6C.txt"),
        ("a\nb", "a%0Ab"),
        ("\udcff", "%ED%B3%BF"),
        ("", "%00"),
    ],
)
def test_others_are_escaped(name, folder):
    assert folder_name(name) == folder


def test_long_names_stay_different():
    first, second = (folder_name("ü" * 300 + end) for end in "ab")
    assert first != second
    assert len(first.encode()) <= 200
