"""What the page says of the evaluation."""

from sagan.reporting.metrics_section import (
    class_distances,
    metric_tables,
    precision_recall_chart,
    truncation_charts,
)
from sagan.reporting.summary_section import headline
from tests import fabricated_run as run


def test_scores_have_words_shares_in_percent_and_intervals():
    scores = {entry["name"]: entry for entry in metric_tables(run.metrics())["scores"]}

    recognised = scores["recognised as the class asked for, mean of classes (higher is better)"]
    assert (recognised["value"], recognised["interval"]) == (
        "97.1%",
        "96.0% to 98.0% (95%, Wilson)",
    )
    precision = scores["precision: samples within the real images' manifold (higher is better)"]
    assert (precision["value"], precision["interval"], precision["real"]) == ("87.1%", "", "92.0%")
    name = "Fréchet distance in the classifier's features, extrapolated to infinitely many samples"
    assert scores[name]["value"] == "11.5"
    within = "Fréchet distance within a class, mean over the classes (lower is better)"
    assert scores[within]["value"] == "20"


def test_the_protocol_is_told_in_words_and_what_is_missing_by_name():
    tables = metric_tables(run.metrics())

    assert tables["comparability"].startswith(
        "No named protocol. 1,000 samples against 1,797 real images"
    )
    assert tables["missing"] == "a kernel distance, memorisation"

    quick = run.metrics()
    quick["protocol"]["name"] = "quick"
    assert metric_tables(quick)["comparability"].startswith(
        "Protocol quick, a first look; evaluation.protocol=null measures in full. 1,000 samples"
    )

    halves = quick | {"self_test": {"between": "even and odd images of train"}}
    halves["classifier"] = {"val_split": "every 10th of train, held out"}
    assert (
        "balanced accuracy on every 10th of train, held out."
        in (metric_tables(halves)["comparability"])
    )


def test_the_truncation_curve_has_its_axis_and_is_in_order():
    unordered = run.metrics()["details"]["truncation_sweep"][::-1]

    distance, shares = truncation_charts({"truncation_sweep": unordered})

    assert distance.x_label == "truncation of the latents [standard deviations]"
    assert (distance.curves[0].x, distance.curves[0].y) == ([0.5, 1.0], [149.0, 31.0])
    assert [curve.name for curve in shares.curves] == ["precision", "recall"]
    assert truncation_charts({}) == []


def test_large_tables_are_drawn_and_not_listed():
    tables = metric_tables(run.metrics())

    listed = {name for name, _ in tables["rest"]}
    assert not any("intra_class" in name or "recognised_by_class" in name for name in listed)
    assert "real images against real images.halves" in listed
    assert tables["pairs"] == [("training images", "1,501 of 1,501")]


def test_classes_are_bars_the_worst_first_without_those_left_out():
    bars = class_distances(run.metrics()["details"], {"digit_1": "one, single"})

    assert [bar["name"] for bar in bars] == ["one (digit_1)", "digit_0"]
    assert bars[0]["percent"] == 100
    assert bars[1]["percent"] == 100 * 5.8 / 41.5
    assert bars[0]["value"] == "41.5, 98% recognised"


def test_of_many_classes_both_ends_are_shown():
    table = {f"class {index:03d}": float(index) for index in range(1000)}

    names = [bar["name"] for bar in class_distances({"intra_class": {"table": table}}, {})]

    assert names[:10] == [f"class {index:03d}" for index in range(999, 989, -1)]
    assert names[10:] == [f"class {index:03d}" for index in range(9, -1, -1)]


def test_precision_over_recall_has_generator_real_images_and_the_sweep():
    (chart,) = precision_recall_chart(run.metrics())

    names = [curve.name for curve in chart.curves]
    assert names == ["generator", "real images", "truncations"]
    assert (chart.curves[0].x, chart.curves[0].y) == ([0.476], [0.871])
    assert chart.curves[2].labels == ["0.5", "1"]
    assert chart.curves[2].line, "the sweep's points are joined"
    assert chart.unit_square

    alone = {"precision": 0.9, "recall": 0.1, "self_test": {}}
    assert precision_recall_chart(alone) == []


def test_a_metrics_file_without_the_later_numbers_still_gives_tables():
    old = {"fid": 18.28, "self_test": {"fid": 2.0}, "warnings": [], "protocol": {"samples": {}}}

    tables = metric_tables(old)

    (fid,) = tables["scores"]
    assert (fid["name"], fid["value"]) == ("FID (Inception features; lower is better)", "18.28")
    assert fid["real"] == "2"
    assert tables["classes"] == tables["pairs"] == tables["charts"] == []


def test_the_first_numbers_stay_a_handful():
    many = run.metrics() | {f"another_{index}": 1.0 for index in range(20)}

    tiles = [name for name, *_ in headline(run.bundle_config(), run.summary(), many)]

    assert tiles[:2] == ["Fréchet distance (fd_classifier)", "recognised as their class"]
    assert tiles[2:4] == ["recall", "precision"]
    assert len(tiles) <= 11


def test_the_first_numbers_say_their_direction_chance_and_what_real_images_reach():
    metrics = run.metrics() | {"classifier": {"val_balanced_accuracy": 0.9}}
    metrics["self_test"] |= {"fd_classifier": 0.25}

    notes = {name: note for name, _, note in headline(run.bundle_config(), run.summary(), metrics)}

    classes = len(run.bundle_config()["class_names"])
    assert notes["Fréchet distance (fd_classifier)"] == "lower is better; real images 0.25"
    assert notes["recognised as their class"] == (
        f"higher is better; by chance {1 / classes:.1%}; real images 90.0%"
    )
    assert notes["training time"] == ""
