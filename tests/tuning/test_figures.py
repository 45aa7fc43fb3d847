"""Charts of a study: positions in the search space, the best so far, the front."""

import pytest

from sagan.html.charts import NEUTRAL
from sagan.tuning.config import CategoricalDimension, FloatDimension, IntDimension
from sagan.tuning.figures import _history, _log, _parallel, _pareto_front, _position, _slices

DIMENSIONS = {
    "lr": FloatDimension(type="float", low=0.0001, high=0.01, log=True),
    "steps": IntDimension(type="int", low=1, high=3),
    "blocks": CategoricalDimension(type="categorical", choices=[[], [8]]),
}


def trial(number: int, value: float, lr: float, steps: int, blocks: list[int]) -> dict:
    parameters = {"lr": lr, "steps": steps, "blocks": blocks}
    return {"number": number, "values": {"fid": value}, "parameters": parameters}


TRIALS = [trial(0, 3.0, 0.001, 1, [8]), trial(2, 5.0, 0.01, 3, []), trial(3, 1.0, 0.0001, 2, [8])]


@pytest.mark.parametrize(
    ("name", "value", "position"),
    [("lr", 0.001, 0.5), ("lr", 0.01, 1.0), ("steps", 2, 0.5), ("blocks", [], 0.0)],
)
def test_a_value_lies_between_the_ends_of_its_dimension(name, value, position):
    assert _position(DIMENSIONS[name], value) == pytest.approx(position)


@pytest.mark.parametrize(("lower", "best"), [(True, [3, 3, 3, 3, 1]), (False, [3, 3, 5, 5, 5])])
def test_the_history_has_each_trial_and_the_best_so_far(lower, best):
    line, points = _history(TRIALS, "fid", lower=lower).charts[0].curves
    assert (line.x, line.y) == ([0, 2, 2, 3, 3], best)
    assert (points.x, points.y) == ([0, 2, 3], [3.0, 5.0, 1.0])


def test_slices_have_categories_in_order_and_later_trials_darker():
    lr, steps, blocks = _slices(TRIALS, "fid", DIMENSIONS).charts
    assert (lr.log, steps.log) == ("x", "")
    assert steps.curves[0].x == [1, 2, 3]
    assert steps.curves[0].opacity == pytest.approx([0.35, 1.0, 0.35 + 0.65 * 2 / 3])
    assert blocks.curves[0].x == ["none", "8", "8"]


def test_parallel_coordinates_colour_the_best():
    many = [trial(number, number + 1.0, 0.001, 1, []) for number in range(5)]
    (chart,) = _parallel(many, "fid", DIMENSIONS, lower=True).charts
    assert [curve.name for curve in chart.curves if curve.name][-1] == "trial 0: 1"
    assert [curve.colour for curve in chart.curves] == [NEUTRAL, NEUTRAL, 2, 1, 0]
    assert chart.curves[-1].x == pytest.approx([0.0, 0.0, 0.5]), "the first parameter on top"
    assert chart.rows == 3


def test_the_front_is_drawn_for_each_pair_of_objectives():
    trials = [{"number": n, "values": {"a": n, "b": -n, "c": 0}} for n in range(3)]
    results = {"objectives": dict.fromkeys("abc", "minimize"), "best": trials[:2]}
    charts = _pareto_front(trials, results).charts
    assert [chart.title for chart in charts] == ["b over a", "c over a", "c over b"]
    others, front = charts[0].curves
    assert (front.x, others.x) == ([0, 1], [2])


@pytest.mark.parametrize(
    ("values", "log"), [([1.0, 30.0], "y"), ([1.0, 3.0], ""), ([0.0, 30.0], ""), ([], "")]
)
def test_an_axis_is_logarithmic_where_values_lie_far_apart(values, log):
    assert _log(values) == log
