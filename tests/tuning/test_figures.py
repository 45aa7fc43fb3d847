"""Ticks that read as numbers."""

import pytest
from plotly.graph_objects import Figure, Scatter

from sagan.tuning.figures import _tick_plainly, round_numbers


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (3.1, 219.0, [5, 10, 20, 50, 100, 200]),
        (0.0002, 0.0034, [0.0002, 0.0005, 0.001, 0.002]),
        (1.0, 1.0, [1]),
        (3.1, 3.2, [3]),  # none between them
    ],
)
def test_ticks_are_1_2_and_5_of_each_decade(low, high, ticks):
    assert round_numbers(low, high) == ticks


def test_only_logarithmic_axes_are_changed():
    figure = Figure(Scatter(x=[1, 2], y=[3, 300])).update_yaxes(type="log")

    _tick_plainly(figure)

    assert figure.layout.yaxis.ticktext == ("5", "10", "20", "50", "100", "200")
    assert figure.layout.xaxis.tickvals is None
