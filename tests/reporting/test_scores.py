from sagan.reporting.summary_section import scores
from tests import fabricated_run as run


def test_what_came_out_and_what_it_cost_as_plain_numbers() -> None:
    found = scores(run.summary(), run.metrics())

    assert found["fd_classifier"] == 12.3456
    assert found["images_seen"] == run.summary()["images_seen"]
    assert all(isinstance(value, int | float) for value in found.values())


def test_scores_of_another_run_are_left_out() -> None:
    """As after a training without its evaluation; of a metrics file that names no run they stay."""
    measured = run.metrics()
    generator = measured["protocol"]["samples"]["generator"]
    generator["fingerprint"] = {"run": "ba9876543210"}
    assert scores(run.summary(), measured) == scores(run.summary(), None)
    del generator["fingerprint"]
    assert "fd_classifier" in scores(run.summary(), measured)


def test_without_an_evaluation_the_cost_alone() -> None:
    assert set(scores(run.summary(), None)) == {"images_seen", "train_seconds", "images_per_second"}
