from typing import Annotated, Literal

import pytest
import yaml
from pydantic import Field, ValidationError

from sagan.common.schema import Config, describe_faults, differences, unknown_key


class Inner(Config):
    rate: float = 1.0


class Outer(Config):
    inner: Inner = Inner()
    steps: int = 1


def test_all_unknown_keys_at_once_each_with_the_nearest():
    with pytest.raises(ValidationError) as error:
        Outer(stepps=2, zebra=3)

    assert "unknown key 'stepps'; did you mean 'steps'?" in str(error.value)
    assert "unknown key 'zebra'; known keys: inner, steps" in str(error.value)


def test_an_unknown_key_does_not_hide_what_is_wrong_with_the_others():
    with pytest.raises(ValidationError) as error:
        Outer.model_validate({"stepps": 2, "steps": "many", "inner": {"raet": 2, "rate": "{much}"}})

    assert list(describe_faults(error.value, "outer")) == [
        "outer: unknown key 'stepps'; did you mean 'steps'?",
        "outer.inner: unknown key 'raet'; did you mean 'rate'?",
        "outer.inner.rate: got '{much}'; input should be a valid number, unable to parse string as "
        "a number",
        "outer.steps: got 'many'; input should be a valid integer, unable to parse string as an "
        "integer",
    ]


def test_nested_models_refuse_too():
    with pytest.raises(ValidationError, match="did you mean 'rate'"):
        Outer(inner={"raet": 2})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much"])
def test_only_finite_numbers(value):
    with pytest.raises(ValidationError):
        Inner(rate=value)


def test_a_number_that_yaml_reads_as_text_is_a_number():
    assert Inner(rate="1e-4").rate == 1e-4


class Numbers(Config):
    kind: Literal[1, 3] = 1
    sides: tuple[Annotated[int, Field(ge=0)], ...] = ()
    share: float | None = None
    on: bool = False
    threads: int | Literal["all"] = 1


def test_a_boolean_is_no_number():
    with pytest.raises(ValidationError) as error:
        Numbers.model_validate({"kind": True, "sides": [1, False], "share": True, "thread": 2})
    assert list(describe_faults(error.value, "numbers")) == [
        "numbers: unknown key 'thread'; did you mean 'threads'?",
        "numbers.kind: got true; expected a number",
        "numbers.sides: got false; expected a number",
        "numbers.share: got true; expected a number",
    ]
    assert Numbers(on=True, kind=3, sides=(1, 2)).on


def test_models_are_frozen():
    with pytest.raises(ValidationError):
        Outer().steps = 2


def test_nobody_near():
    assert unknown_key("x", ["one", "two"]) == "unknown key 'x'; known keys: one, two"


def test_a_name_that_begins_so_is_nearer_than_one_spelt_alike():
    assert unknown_key("sngan", ["sagan", "sngan_projection"]).endswith("'sngan_projection'?")


def test_the_nearest_of_many_places_are_named():
    places = ["a.b.c", "a.b", "c", "d", "e"]
    assert unknown_key("x", ["one"], places) == (
        "unknown key 'x'; there is one in c and d and e and a.b; known keys: one"
    )


def test_a_list_is_called_a_list():
    class Pair(Config):
        betas: tuple[float, float] = (0.0, 0.9)
        seeds: tuple[int, ...] = Field((0,), min_length=1)

    with pytest.raises(ValidationError) as caught:
        Pair(betas=0.1, seeds=[])
    assert list(describe_faults(caught.value)) == [
        "betas: got 0.1; input should be a list",
        "seeds: got []; list should have at least 1 item after validation, not 0",
    ]


def test_a_text_that_yaml_read_as_something_else_is_to_be_put_in_quotes():
    class Named(Config):
        path: str | None = None
        classes: tuple[str, ...] = ()

    written = yaml.safe_load("{path: 2024-01-01, classes: [yes, 001, n01440764]}")
    with pytest.raises(ValidationError) as caught:
        Named(**written)
    faults = list(describe_faults(caught.value))
    assert [fault.partition(";")[0] for fault in faults] == [
        'path: got "2024-01-01"',
        "classes.0: got true",
        "classes.1: got 1",
    ]
    assert all("put it in quotes" in fault for fault in faults)


def test_a_former_name_is_refused_with_the_one_now():
    class Renamed(Config):
        RENAMED = {"preset": "recipe"}  # noqa: RUF012 - as a ClassVar of the base

        recipe: str = ""

    with pytest.raises(ValidationError, match="'preset' is called 'recipe' now"):
        Renamed.model_validate({"preset": "sagan"})
    assert Renamed(recipe="sagan").model_dump() == {"recipe": "sagan"}


def test_differences_are_sorted_paths_with_both_values():
    before = {"a": {"b": 1, "c": [1, 2]}, "gone": None, "same": "x"}
    now = {"a": {"b": 2, "c": [1, 2]}, "new": True, "same": "x"}

    assert differences(before, now) == ["a.b: 1 -> 2", "new: null -> true"]
