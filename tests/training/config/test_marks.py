"""Every parameter says what it affects: the weights, a measurement, or nothing."""

import pytest
from pydantic import Field

from sagan.common.schema import AffectsNothing, AffectsWeights, Config, mark_of
from sagan.metrics.config import EvaluationConfig
from sagan.training.config import TrainingConfig


def unmarked(model, prefix=""):
    """Paths of the fields that neither have a mark nor hold a model of marked fields."""
    found = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if mark_of(field) is not None:
            continue
        if isinstance(kind, type) and issubclass(kind, Config):
            found += unmarked(kind, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


@pytest.mark.parametrize("model", [TrainingConfig, EvaluationConfig])
def test_every_field_is_marked(model):
    assert unmarked(model) == []


class Inner(Config):
    rate: AffectsWeights[float] = 0.1
    shown: AffectsNothing[bool] = True


class Outer(Config):
    inner: Inner = Inner()
    whole: AffectsWeights[Inner] = Inner()
    watch: AffectsNothing[Inner] = Inner()


def test_a_dump_has_what_affects_the_weights_alone():
    assert Outer().dump(affecting="weights") == {
        "inner": {"rate": 0.1},
        "whole": {"rate": 0.1, "shown": True},
    }
    assert Outer().dump(affecting="measurement") == {}


def test_a_field_without_a_mark_fails():
    class Unmarked(Config):
        rate: AffectsWeights[float] = 0.1
        size: int = Field(3, description="of something")

    assert unmarked(Unmarked) == ["size"]
    with pytest.raises(TypeError, match=r"Unmarked\.size"):
        Unmarked().dump(affecting="weights")


def test_former_names_are_refused_with_those_of_today():
    for former, now in (
        ({"preset": "sagan"}, "recipe"),
        ({"scoring": {"protocol": {}}}, "evaluation"),
    ):
        with pytest.raises(ValueError, match=f"is called '{now}' now"):
            TrainingConfig.model_validate(former)


def test_what_may_differ_when_a_run_is_continued_is_marked():
    marks = {name: mark_of(field) for name, field in TrainingConfig.model_fields.items()}
    may = {name for name, mark in marks.items() if mark and mark.may_change}
    assert may == {"total_images", "continue_from"}
