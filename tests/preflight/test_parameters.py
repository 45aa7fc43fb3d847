"""Preflight checks of the configuration: each fault is one line, and none is missed."""

from pathlib import Path

import pytest
import torch
from kedro.pipeline import Node, Pipeline
from pydantic import Field, ValidationError

from sagan.common.schema import Config, describe_faults
from sagan.comparison.config import ComparisonConfig
from sagan.metrics.config import ClassifierConfig, EvaluationConfig
from sagan.preflight.parameters import check_environment, check_parameters
from sagan.sampling.config import SamplingConfig
from sagan.sampling.latents import sample_latents
from sagan.training.config import TrainingConfig
from sagan.training.config.recipes import refuse_replaced
from sagan.training.core.inputs import Stream, torch_seed
from sagan.tuning.config import SamplerConfig


class Inner(Config):
    width_px: int = Field(8, gt=0)


class Outer(Config):
    rate: float = Field(0.1, gt=0)
    inner: Inner = Inner()


def work(config: Outer) -> int:
    return 1


class Other(Config):
    depth_px: int = 1


def other(config: Other) -> int:
    return 1


PIPELINES = {"all": Pipeline([Node(work, "params:pipeline", "out")])}


def faults(parameters: dict) -> list[str]:
    with pytest.raises(ValueError, match="wrong parameter") as caught:
        check_parameters(parameters, PIPELINES)
    return str(caught.value).split("\n")[1:]


def test_sound_parameters_pass() -> None:
    check_parameters({"pipeline": {"rate": 0.5, "inner": {"width_px": 4}}}, PIPELINES)


def test_all_faults_are_told_together() -> None:
    assert faults({"pipelnie": {}, "pipeline": {"rate": -1, "inner": {"width_px": "wide"}}}) == [
        "  unknown key 'pipelnie'; did you mean 'pipeline'?",
        "  pipeline.rate: got -1; input should be greater than 0",
        "  pipeline.inner.width_px: got 'wide'; input should be a valid integer, "
        "unable to parse string as an integer",
    ]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, "1e-4x", [1]])
def test_no_number_is_no_rate(value: object) -> None:
    (fault,) = faults({"pipeline": {"rate": value}})
    assert fault.startswith("  pipeline.rate: got ")


def test_unknown_key_is_named_with_its_path_and_the_nearest() -> None:
    assert faults({"pipeline": {"inner": {"widht_px": 4}}}) == [
        "  pipeline.inner: unknown key 'widht_px'; did you mean 'width_px'?"
    ]


def test_an_unknown_key_is_told_where_there_is_such_a_key() -> None:
    pipelines = PIPELINES | {"other": Pipeline([Node(other, "params:other", "there")])}
    given = {"pipeline": {"width_px": 4, "depth_px": 2}, "other": {}, "rate": 1, "depth_px": 3}
    with pytest.raises(ValueError, match="4 wrong parameters") as caught:
        check_parameters(given, pipelines)

    assert str(caught.value).splitlines()[1:] == [
        "  unknown key 'rate'; there is one in pipeline; known keys: all, other, pipeline",
        "  unknown key 'depth_px'; there is one in other; known keys: all, other, pipeline",
        "  pipeline: unknown key 'width_px'; there is one in inner; known keys: inner, rate",
        "  pipeline: unknown key 'depth_px'; there is one in other; known keys: inner, rate",
    ]


def test_a_global_among_the_parameters_is_told_where_it_belongs() -> None:
    with pytest.raises(ValueError, match="1 wrong parameter") as caught:
        check_parameters(
            {"pipeline": {}, "data_root": "/data"}, PIPELINES, {"data_root": "conf/x/globals.yml"}
        )
    assert str(caught.value).splitlines()[1:] == [
        "  'data_root' is a global, no parameter: it belongs in conf/x/globals.yml"
    ]


def test_a_pipeline_that_is_no_mapping_is_told() -> None:
    (fault,) = faults({"pipeline": 3})
    assert fault == "  pipeline: got 3; input should be a mapping"


def test_a_pipeline_without_parameters_is_told_with_its_file() -> None:
    assert faults({}) == ["  pipeline: not given; is conf/base/parameters_pipeline.yml there?"]


def test_very_many_faults_are_counted() -> None:
    listed = faults({f"name{index}": 1 for index in range(30)} | {"pipeline": {}})
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
    given = {"generator_lr": 1.0, "recipe": "sagan_no_attention", "seed": 3}

    with pytest.raises(ValueError, match="recipe=sagan_no_attention sets generator_lr itself"):
        refuse_replaced("sagan_no_attention", given)


@pytest.mark.parametrize(
    ("recipe", "given"),
    [
        (None, {"generator_lr": 1.0}),
        ("sagan", {"recipe": "sagan", "total_images": 8}),
        ("sagan", {}),
        ("unheard_of", {"generator_lr": 1.0}),  # the model itself refuses that one
    ],
)
def test_what_the_recipe_leaves_alone_may_be_given(recipe, given):
    refuse_replaced(recipe, given)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (TrainingConfig, "seed"),
        (EvaluationConfig, "seed"),
        (ClassifierConfig, "seed"),
        (SamplingConfig, "seed"),
        (SamplerConfig, "seed"),
        (ComparisonConfig, "seeds"),
    ],
)
def test_seeds_have_64_bits_and_more_are_refused_by_name(model, path):
    several = path == "seeds"
    largest = 2**64 - 1
    assert getattr(model(**{path: [0, largest] if several else largest}), path)
    with pytest.raises(ValidationError) as raised:
        model(**{path: [0, largest + 1] if several else largest + 1})
    (fault,) = describe_faults(raised.value, "here")
    assert fault.startswith(f"here.{path}{'.1' if several else ''}: got {largest + 1}; ")


def test_the_largest_seed_is_taken_by_all_that_draw():
    largest = 2**64 - 1
    assert torch_seed(largest, Stream.FLIPS) != torch_seed(largest - 1, Stream.FLIPS)
    torch.manual_seed(largest)
    assert sample_latents(1, 4, largest).isfinite().all()
