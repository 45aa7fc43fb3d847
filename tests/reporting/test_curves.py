"""Curves and charts: nothing invented, nothing lost that a reader would miss."""

import itertools
import math
from xml.etree import ElementTree

import pytest

from sagan.reporting.charts import chart_data, line_chart, nice_ticks, short_number
from sagan.reporting.curves import Chart, Curve, Mark, charts, curves_figure
from tests import fabricated_run as run

OLDER = ["Losses", "Attention", "Logits", "Speed"]
BLOCKS = ["generator/16x16_attention", "discriminator/16x16_attention"]


def test_every_attention_block_has_its_curves() -> None:
    drawn = {chart.title: chart for chart in charts(run.journal(), points=1000)}
    for title in ("Attention", "Entropy of attention"):
        assert [curve.name for curve in drawn[title].curves] == BLOCKS
    assert drawn["Losses"].curves[0].x == [64.0 * step for step in range(1, 401)]


def test_what_the_watch_saw_is_drawn_at_the_looks() -> None:
    drawn = {chart.title: chart for chart in charts(run.journal(), points=1000)}
    assert set(drawn) - set(OLDER) == {
        "Diversity",
        "Margin",
        "Gradient norms",
        "Entropy of attention",
    }
    assert drawn["Diversity"].curves[0].x == [640.0 * look for look in range(1, 41)]
    assert len(drawn["Diversity"].curves) == 2  # this run has no averaged generator
    assert [curve.name for curve in drawn["Gradient norms"].curves] == [
        "discriminator",
        "generator",
    ]


def test_a_journal_of_an_unwatched_run_has_the_other_charts() -> None:
    assert [chart.title for chart in charts(run.older_journal(), points=1000)] == OLDER


def test_thinning_averages_neighbours_and_ends_where_training_ended() -> None:
    records = [{"images_seen": n, "generator_loss": float(n)} for n in range(1, 11)]
    (chart,) = charts(records, points=4)
    (curve,) = chart.curves
    assert curve.x == [3.0, 6.0, 9.0, 10.0]
    assert curve.y == [2.0, 5.0, 8.0, 10.0]


def test_records_that_are_no_steps_or_no_numbers_are_left_out() -> None:
    records = [
        {"event": "resumed", "images_seen": 5, "generator_loss": 9.0},
        {"images_seen": 64, "generator_loss": None},
        {"images_seen": 128, "generator_loss": math.nan},
        {"images_seen": 192, "generator_loss": 1.0, "gamma/generator/8x8_attention": 0.5},
    ]
    losses, attention = charts(records, points=100)
    assert losses.curves == [Curve("generator", [192.0], [1.0])]
    assert attention.curves == [Curve("generator/8x8_attention", [192.0], [0.5])]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-0.3, 2.7), (0, 25_600), (0.001, 0.0013), (-5, -4), (1e6, 1e6 + 3)]
)
def test_ticks_are_round_even_and_span_the_range(low: float, high: float) -> None:
    ticks = nice_ticks(low, high)
    step = ticks[1] - ticks[0]
    assert ticks[0] <= low
    assert ticks[-1] >= high - step * 1e-6
    assert 2 <= len(ticks) <= 8
    assert all(math.isclose(b - a, step) for a, b in itertools.pairwise(ticks))
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert any(math.isclose(mantissa, factor, rel_tol=1e-6) for factor in (1, 2, 5, 10))


def test_chart_is_well_formed_and_its_line_runs_from_left_to_right_and_top_is_large() -> None:
    curve = Curve('a <"b">', [0.0, 50.0, 100.0], [0.0, 1.0, 0.5])
    svg = ElementTree.fromstring(line_chart(Chart("T & U", "unit", [curve])))
    (line,) = [path for path in svg.iter("path") if path.get("class") == "c0 line"]
    points = line.get("d").removeprefix("M").replace("L", " ").split()
    xs, ys = [float(p) for p in points[::2]], [float(p) for p in points[1::2]]
    assert xs == sorted(xs)
    assert ys[1] < ys[2] < ys[0]
    assert line.find("title").text.startswith('a <"b">: 0.5 at 100')


@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0], [0.0, 0.0]])
def test_flat_curve_and_single_point_are_drawn(values: list[float]) -> None:
    curve = Curve("flat", [float(index) for index in range(len(values))], values)
    svg = line_chart(Chart("flat", "unit", [curve]))
    ElementTree.fromstring(svg)
    assert "nan" not in svg
    assert ("<circle" in svg) == (len(values) == 1)


def test_numbers_on_axes_are_short() -> None:
    shown = [short_number(value) for value in (0, 1e-17, 0.25, -12, 40_000, 1.2e6, 2.56e8, 3e9)]
    assert shown == ["0", "0", "0.25", "-12", "40k", "1.2M", "256M", "3G"]


def test_plotly_figure_holds_the_same_curves() -> None:
    figure = curves_figure(run.journal(), points=50)
    names = [trace.name for trace in figure.data]
    assert "generator/16x16_attention" in names
    assert len(figure.data) == 14
    assert len(figure.data[0].x) == 50
    shown = [trace.name for trace in figure.data if trace.visible]
    assert shown == ["discriminator", "generator"], "one chart at a time"
    curves_figure([], points=50)  # a journal without records is no error


def test_plotly_menu_shows_one_chart_with_its_unit() -> None:
    figure = curves_figure(run.journal(), points=50)
    (menu,) = figure.layout.updatemenus
    speed = menu.buttons[-1]
    assert (speed.label, speed.args[1]) == ("Speed", {"yaxis.title.text": "images / s"})
    shown = zip(figure.data, speed.args[0]["visible"], strict=True)
    assert [trace.legendgroup for trace, visible in shown if visible] == ["Speed"]


def test_scores_while_training_are_a_curve_with_the_best_marked() -> None:
    chart = charts([*run.older_journal(20), *run.score_events()], points=100)[0]

    assert chart.title == "Score while training"
    assert "fd classifier" in chart.unit
    assert "lower is better" in chart.unit
    assert chart.curves[0].x == [6400.0, 12800.0, 19200.0, 25600.0]
    assert chart.mark == Mark("best", 19200.0, 3.25)
    assert "best: 3.25 at 19,200 images seen" in line_chart(chart)


def test_of_a_score_that_is_better_high_the_highest_is_the_best_and_none_is_no_point() -> None:
    events = [{**event, "metric": "precision"} for event in run.score_events()]
    events[0]["value"] = None  # not finite when it was measured

    (chart,) = charts(events, points=100)

    assert chart.mark == Mark("best", 12800.0, 26.15)
    assert len(chart.curves[0].x) == 3


def test_a_score_without_better_and_worse_is_drawn_and_not_marked() -> None:
    events = [{**event, "metric": "memorisation"} for event in run.score_events()]

    (chart,) = charts(events, points=100)

    assert chart.mark is None
    assert len(chart.curves[0].x) == 4


def test_the_scripts_data_are_the_curves_to_six_digits() -> None:
    curve = Curve("a", [64.0, 128.0], [1 / 3, 1e-9])
    data = chart_data(Chart("t", "u", [curve], Mark("best", 64.0, 1 / 3)))
    assert data["curves"] == [{"x": [64, 128], "y": [0.333333, 1e-9]}]
    assert data["mark"] == [64, 0.333333]
