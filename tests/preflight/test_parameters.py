"""Configuration at the door: each fault is one line, and none is missed."""

from pathlib import Path

import pytest
from kedro.pipeline import Node, Pipeline
from pydantic import Field

from sagan.common.schema import Config
from sagan.preflight.parameters import check_environment, check_parameters, check_recipe


class Inner(Config):
    width_px: int = Field(8, gt=0)


class Outer(Config):
    rate: float = Field(0.1, gt=0)
    inner: Inner = Inner()


def work(config: Outer) -> int:
    return 1


PIPELINES = {"all": Pipeline([Node(work, "params:station", "out")])}


def faults(parameters: dict) -> list[str]:
    with pytest.raises(ValueError, match="wrong parameter") as caught:
        check_parameters(parameters, PIPELINES)
    return str(caught.value).split("\n")[1:]


def test_sound_parameters_pass() -> None:
    check_parameters({"station": {"rate": 0.5, "inner": {"width_px": 4}}}, PIPELINES)


def test_all_faults_are_told_together() -> None:
    assert faults({"statoin": {}, "station": {"rate": -1, "inner": {"width_px": "wide"}}}) == [
        "  unknown key 'statoin'; did you mean 'station'?",
        "  station.rate: got -1; input should be greater than 0",
        "  station.inner.width_px: got 'wide'; input should be a valid integer, "
        "unable to parse string as an integer",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "1e-4x", [1]])
def test_no_number_is_no_rate(value: object) -> None:
    (fault,) = faults({"station": {"rate": value}})
    assert fault.startswith("  station.rate: got ")


def test_unknown_key_is_named_with_its_path_and_the_nearest() -> None:
    assert faults({"station": {"inner": {"widht_px": 4}}}) == [
        "  station.inner: unknown key 'widht_px'; did you mean 'width_px'?"
    ]


def test_a_station_that_is_no_mapping_is_told() -> None:
    (fault,) = faults({"station": 3})
    assert fault == "  station: got 3; input should be a mapping"


def test_a_station_without_parameters_is_told_with_its_file() -> None:
    assert faults({}) == ["  station: not given; is conf/base/parameters_station.yml there?"]


def test_very_many_faults_are_counted() -> None:
    listed = faults({f"name{index}": 1 for index in range(30)} | {"station": {}})
    assert len(listed) == 21
    assert listed[-1] == "  and 10 more"


def test_environment_must_have_a_folder(tmp_path: Path) -> None:
    for name in ("base", "imagenet128"):
        (tmp_path / name).mkdir()
    check_environment(str(tmp_path), None)
    check_environment(str(tmp_path), "imagenet128")
    with pytest.raises(ValueError, match="unknown environment 'imagnet128'; did you mean 'imagen"):
        check_environment(str(tmp_path), "imagnet128")
    with pytest.raises(ValueError, match=rf"folders of {tmp_path.name}/: base, imagenet128"):
        check_environment(str(tmp_path), "x")


def test_a_value_that_the_recipe_would_replace_is_refused():
    parameters = {"training": {"recipe": "sagan_no_attention", "generator_lr": 1.0}}
    given = {"training": {"generator_lr": 1.0, "recipe": "sagan_no_attention", "seed": 3}}

    with pytest.raises(ValueError, match="recipe=sagan_no_attention sets generator_lr itself"):
        check_recipe(parameters, given)


@pytest.mark.parametrize(
    ("recipe", "given"),
    [
        (None, {"training": {"generator_lr": 1.0}}),
        ("sagan", {"training": {"recipe": "sagan", "total_images": 8}}),
        ("sagan", {"acquisition": {"source": "digits"}}),
        ("unheard_of", {"training": {"generator_lr": 1.0}}),  # the model itself refuses that one
    ],
)
def test_what_the_recipe_leaves_alone_may_be_given(recipe, given):
    check_recipe({"training": {"recipe": recipe}}, given)
