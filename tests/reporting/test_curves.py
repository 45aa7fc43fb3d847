"""Curves and charts: nothing invented, nothing lost that a reader would miss."""

import math

from sagan.html.charts import Curve, Mark
from sagan.reporting.curves import charts, single_scores, training_curves_figure
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
        "Overfitting",
        "Held-out images",
    }
    assert "towards 1, D overfits" in drawn["Overfitting"].unit
    assert [curve.name for curve in drawn["Held-out images"].curves] == [
        "training images",
        "validation images",
    ]
    assert drawn["Diversity"].curves[0].x == [640.0 * look for look in range(1, 41)]
    assert len(drawn["Diversity"].curves) == 2  # this run has no averaged generator
    assert [curve.name for curve in drawn["Gradient norms"].curves] == [
        "discriminator",
        "generator",
    ]


def test_a_journal_of_an_unwatched_run_has_the_other_charts() -> None:
    assert [chart.title for chart in charts(run.older_journal(), points=1000)] == OLDER


def test_the_probability_and_lecams_averages_stand_beside_what_they_follow() -> None:
    controls = {"overfitting/probability": 0.2, "lecam/real_logits": 1.0, "lecam/fake_logits": -1.0}
    records = [line | controls for line in run.journal() if "event" not in line]
    drawn = {chart.title: chart for chart in charts(records, points=1000)}
    assert [curve.name for curve in drawn["Overfitting"].curves] == [
        "real images",
        "probability of augmentation",
    ]
    assert [curve.name for curve in drawn["Logits"].curves] == [
        *("real", "fake", "real, LeCam's average", "fake, LeCam's average")
    ]


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


def test_plotly_figure_holds_the_same_curves() -> None:
    figure = training_curves_figure(run.journal(), points=50)
    names = [trace.name for trace in figure.data]
    assert "generator/16x16_attention" in names
    assert len(figure.data) == 17
    assert len(figure.data[0].x) == 50
    shown = [trace.name for trace in figure.data if trace.visible]
    assert shown == ["discriminator", "generator"], "one chart at a time"
    training_curves_figure([], points=50)  # a journal without records is no error


def test_plotly_menu_shows_one_chart_with_its_unit() -> None:
    figure = training_curves_figure(run.journal(), points=50)
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


def test_one_score_is_no_curve() -> None:
    journal = [*run.older_journal(20), run.score_events()[0]]
    assert "Score while training" not in [chart.title for chart in charts(journal, points=100)]
    assert list(single_scores(journal)) == ["fd classifier, while training"]
    assert not single_scores([*run.older_journal(20), *run.score_events()])


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
