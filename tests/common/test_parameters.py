"""Parameters from files and from the command line."""

import pytest

from sagan.common.parameters import (
    load_settings,
    merge_assignments,
    parse_assignment,
    split_assignments,
)
from sagan.common.schema import Config
from sagan.data.config import AcquisitionConfig


def split(text: str) -> dict:
    return {".".join(keys): value for keys, value, _ in split_assignments(text)}


@pytest.mark.parametrize(
    "value",
    [
        "/images/Anna's",
        '/images/5" disks',
        "/images/a #1",
        "a: b",
        "[2024] images",
        "/data/classes-[ab].tar",
        "/data/{train,val}.tar",
        "yes",
        "001",
        "1_000",
        "12:30",
        "2024-01-01",
        "@classes.txt",
        "goldfish,crane",
        "%20 *&!",
        "!!python/name:os.system",
    ],
)
def test_a_value_is_taken_as_written_and_ends_before_the_next_name(value: str) -> None:
    assert split(f"a.path={value},seed=1") == {"a.path": value, "seed": 1}
    assert parse_assignment(f"path={value}").value == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", 1),
        ("-2.5", -2.5),
        ("1e-4", 0.0001),
        (".5", 0.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("[0.0,0.9]", [0.0, 0.9]),
        ("{x: 1, y: [2, 'a,b=1']}", {"x": 1, "y": [2, "a,b=1"]}),
        ("[yes, 001, it's]", ["yes", "001", "it's"]),
        ("'a,b=1'", "a,b=1"),
        ("'it''s 1'", "it's 1"),
        ('"a\\"b, c=2"', 'a"b, c=2'),
        ("'2024'", "2024"),
        ("''", ""),
    ],
)
def test_a_value_that_is_wholly_a_literal_is_read_as_in_yaml(value: str, expected: object) -> None:
    found = split(f"a={value} , seed=1,")
    assert found == {"a": expected, "seed": 1}
    assert type(found["a"]) is type(expected)


@pytest.mark.parametrize(
    "text",
    [
        "a='x,seed=1",
        'a="x,seed=1',
        "a=[1,seed=1",
        "a={x: 1,seed=1",
        "a=[1}",
        "a=['x]",
        "a=[*.tar]",
        "a={x: 1, x: 2}",
        "a=[!!python/name:os.system x]",
        "a",
        "=1",
        "a=",
        "seed=1,a=,b=2",
    ],
)
def test_what_is_not_closed_or_not_given_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(a: |expected NAME=VALUE)"):
        split(text)


def test_a_number_is_text_where_the_field_holds_text() -> None:
    class Inner(Config):
        title: str = ""
        steps: int = 0

    class Outer(Config):
        inner: Inner = Inner()
        either: int | str = 0
        prune: bool = False

    models: dict[str, type[Config]] = {"acquisition": AcquisitionConfig, "outer": Outer}
    given = split_assignments(
        "acquisition.path=2024,acquisition.classes=[yes, 001, 3],acquisition.images_per_class=7,"
        "outer.inner.title=1e3,outer.inner.steps=5,outer.either=3,outer.prune=yes,other.path=3"
    )
    merged = merge_assignments(given, models)
    assert merged == {
        "acquisition": {"path": "2024", "classes": ["yes", "001", "3"], "images_per_class": 7},
        "outer": {"inner": {"title": "1e3", "steps": 5}, "either": 3, "prune": "yes"},
        "other": {"path": 3},
    }
    assert Outer(**merged["outer"]).prune


@pytest.mark.parametrize("name", ["yes", "001", "0", "3", "true", "@list.txt"])
def test_a_class_is_asked_for_by_its_name(name: str) -> None:
    settings = load_settings("acquisition", [], [f"classes={name}"], AcquisitionConfig)
    assert AcquisitionConfig(**settings).classes == (name,)


def test_files_are_laid_over_one_another_then_assignments(tmp_path):
    below, above = tmp_path / "below.yml", tmp_path / "above.json"
    below.write_text("training:\n  model: {channels: 4, depth: 2}\n  seed: 0\n")
    above.write_text('{"training": {"model": {"channels": 8}}}')

    settings = load_settings("training", [below, above], ["model.width=3", "seed=7"])

    assert settings == {"model": {"channels": 8, "depth": 2, "width": 3}, "seed": 7}


def test_settings_that_cannot_be_read(tmp_path):
    other, broken = tmp_path / "other.yml", tmp_path / "broken.yml"
    other.write_text("sampling: {}\n")
    broken.write_text("training: [\n")

    with pytest.raises(FileNotFoundError, match=r"missing\.yml"):
        load_settings("training", [tmp_path / "missing.yml"], [])
    with pytest.raises(ValueError, match=r"other\.yml has no top key 'training'"):
        load_settings("training", [other], [])
    with pytest.raises(ValueError, match=r"broken\.yml is not valid YAML"):
        load_settings("training", [broken], [])
    for content, fault in (
        ("training:\n", "expected parameters below 'training', got nothing"),
        ("training: [1]\n", "expected parameters below 'training', got list"),
        ("training: {seed: 1, seed: 2}\n", r"not valid YAML: found the key 'seed' twice"),
        ("training: {[1, 2]: 3}\n", r"(?s)not valid YAML: .*unhashable key"),
    ):
        broken.write_text(content)
        with pytest.raises(ValueError, match=fault):
            load_settings("training", [broken], [])
    with pytest.raises(ValueError, match="--set: expected NAME=VALUE"):
        load_settings("training", [], ["seed"])
    with pytest.raises(ValueError, match=r"--set: betas: expected ]"):
        load_settings("training", [], ["betas=[0"])


def test_what_is_merged_into_a_mapping_may_be_overridden_there(tmp_path):
    """Wherever it is merged further: there it is looked at once more, laid out flat."""
    file = tmp_path / "training.yml"
    file.write_text(
        "few: &few {steps: 1, seed: 0}\n"
        "deep: {more: &more {<<: *few, steps: 2}}\n"
        "training: {<<: *more, seed: 3}\n"
    )

    assert load_settings("training", [file], []) == {"steps": 2, "seed": 3}
