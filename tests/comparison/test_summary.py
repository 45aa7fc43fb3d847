"""From rows to table, verdict and page."""

import json

import numpy as np
import pytest
from scipy import stats

from sagan.comparison.figures import learning_curves, sample_sheet
from sagan.comparison.page import markdown_table, render_page, results
from sagan.comparison.significance import contrasts, holm, sentences
from sagan.comparison.summary import summarise
from tests.comparison.fabricated_rows import row
from tests.program import program
from tests.small_world import small_bundle

publish = program("compare", "publish")
SHEET = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def rows():
    distances = {"sagan": (5.0, 6.0, 5.5), "near": (5.2, 6.3, 5.1), "far": (25.0, 31.0, 40.0)}
    return [
        row(name, seed, fd_classifier=values[seed], recall=0.6 + 0.01 * seed, diversity_mean=0.9)
        for seed in range(3)
        for name, values in distances.items()
    ]


def test_a_distance_is_averaged_as_a_ratio(rows):
    sagan, *_ = summarise(rows)

    found = sagan["metrics"]["fd_classifier"]
    logs = np.log([5.0, 6.0, 5.5])
    low, high = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    assert found["mean"] == pytest.approx(np.exp(logs.mean()))
    assert (found["low"], found["high"]) == pytest.approx((np.exp(low), np.exp(high)))
    assert found["seeds"] == [0, 1, 2]
    assert found["std"] == pytest.approx(0.5)
    assert sagan["cost"]["parameters_generator"] == 1000


def test_an_interval_of_a_share_stays_a_share():
    shares = (0.99, 0.9, 0.95)
    (record,) = summarise([row("a", seed, recognised=shares[seed]) for seed in range(3)])

    found = record["metrics"]["recognised"]
    assert 0 < found["low"] < 0.95 < found["mean"] < found["high"] <= 1


def test_one_seed_has_no_interval_and_no_verdict():
    rows = [row("sagan", 0, fd_classifier=1.0), row("other", 0, fd_classifier=9.0)]

    found = results(rows, "sagan")

    assert "low" not in found["variants"][0]["metrics"]["fd_classifier"]
    assert "has too few seeds to be compared with other (9)" in found["verdict"][0]


def test_a_diverged_run_counts_and_has_no_numbers(rows):
    found = results([*rows, row("gone", 0, status="diverged")], "sagan")

    gone = found["variants"][-1]
    assert (gone["diverged"], gone["trained"], gone["metrics"]) == (1, 0, {})
    assert "| gone | 0 | 1, 0 | - |" in markdown_table(found)
    assert "gone" not in "".join(found["verdict"])
    json.dumps(found, allow_nan=False)


def test_the_verdict_knows_noise_from_difference(rows):
    by_name = {one.variant: one for one in contrasts(summarise(rows), "sagan", ["fd_classifier"])}

    assert by_name["far"].reference_is == "better"
    assert by_name["near"].reference_is == "within noise"
    logs = [np.log([5.0, 6.0, 5.5]), np.log([25.0, 31.0, 40.0])]
    p = stats.ttest_ind(*logs, equal_var=False).pvalue
    assert by_name["far"].p == pytest.approx(min(1.0, 2 * p))
    (sentence,) = sentences(list(by_name.values()), "sagan")
    assert sentence.startswith("fd_classifier: sagan (5.48) is better than far (31.4); cannot be")


def test_the_same_difference_the_other_way_round(rows):
    found = contrasts(summarise(rows), "far", ["fd_classifier"])

    assert [one.reference_is for one in found] == ["worse", "worse"]


def test_more_diversity_than_real_images_is_no_merit():
    rows = [
        row(name, seed, diversity_mean=value + 0.01 * seed)
        for name, value in (("sagan", 0.9), ("noise", 1.5))
        for seed in range(3)
    ]

    (one,) = contrasts(summarise(rows), "sagan", ["diversity_mean"])

    assert one.reference_is == "better"


def test_too_little_and_too_much_diversity_are_equally_far_from_real_images():
    rows = [
        row(name, seed, diversity_mean=value + 0.01 * seed)
        for name, value in (("sagan", 0.79), ("noise", 1.19))
        for seed in range(3)
    ]

    (one,) = contrasts(summarise(rows), "sagan", ["diversity_mean"])

    assert one.reference_is == "within noise"  # 0.20 below 1 and 0.20 above: alike


def test_a_share_near_one_does_not_hide_a_wide_gap():
    shares = {"sagan": (0.984, 0.996, 0.909), "other": (0.171, 0.309, 0.119)}
    rows = [
        row(name, seed, recognised=value)
        for name, values in shares.items()
        for seed, value in enumerate(values)
    ]

    (one,) = contrasts(summarise(rows), "sagan", ["recognised"])

    assert one.reference_is == "better"
    sagan, other = (np.arcsin(np.sqrt(values)) for values in shares.values())
    assert one.p == pytest.approx(stats.ttest_ind(sagan, other, equal_var=False).pvalue)


def test_seeds_that_hardly_vary_are_tested_without_a_word(recwarn):
    rows = [
        row(name, seed, recall=value)
        for name, value in (("sagan", 0.0), ("other", 0.1))
        for seed in range(2)
    ]
    rows.append(row("other", 2, recall=0.1001))

    (one,) = contrasts(summarise(rows), "sagan", ["recall"])

    assert one.reference_is == "worse"
    assert not recwarn.list  # a library's remark would break into the terminal's lines


def test_holm_is_monotone_and_keeps_what_could_not_be_tested():
    # by hand: 3 * 0.01, then 2 * 0.02, then max(0.04, 1 * 0.03)
    assert holm({"a": 0.02, "b": 0.01, "c": 0.03, "d": None}) == {
        "a": pytest.approx(0.04),
        "b": pytest.approx(0.03),
        "c": pytest.approx(0.04),
        "d": None,
    }


def test_curves_have_a_line_and_a_band_for_each_variant(rows):
    chart = learning_curves([*rows, row("gone", 0, status="diverged")], "fd_classifier", "lower")

    assert [curve.name for curve in chart.curves] == ["sagan", "near", "far"]
    first = chart.curves[0]
    values = [one["metrics"]["fd_classifier"] for one in rows if one["variant"] == "sagan"]
    assert list(first.x) == [100, 200]
    assert first.y == pytest.approx([np.mean(values)] * 2)
    assert (first.low[0], first.high[0]) == (min(values), max(values))
    assert (chart.log, chart.unit) == ("y", "lower")


def test_the_sheet_shows_each_variant_at_the_same_latents(rows, tmp_path):
    for name in ("sagan", "near", "far"):
        small_bundle(tmp_path / f"{name}0" / "generator")

    sheet = sample_sheet(rows, tmp_path)

    assert sheet.dtype == np.uint8
    height = sheet.shape[0] - 24
    thirds = [sheet[12 + i * height // 3 : 12 + (i + 1) * height // 3, -300:] for i in range(3)]
    assert np.array_equal(thirds[0], thirds[1])  # three times the same generator
    assert sample_sheet([row("gone", 0, status="diverged")], tmp_path) is None


def test_everything_is_published(rows, tmp_path, capsys):
    for name in ("sagan", "near", "far"):
        small_bundle(tmp_path / f"{name}0" / "generator")
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    out = tmp_path / "out"
    command = [str(tmp_path / "rows.json"), "--runs", str(tmp_path), "--out", str(out)]

    assert publish(command) == 0

    assert {path.name for path in out.iterdir()} == {
        *("rows.json", "table.md", "verdict.md", "comparison.html", "samples.png"),
        "curves_fd_classifier.svg",
    }
    assert json.loads((out / "rows.json").read_text()) == rows
    assert publish([*command, "--reference", "nobody"]) == 1
    assert "no variant 'nobody'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"variants": []}', "has no rows of a comparison; name its comparison_rows.json"),
        ('["sagan"]', "has no rows"),
        ("[{", "is not valid JSON"),
        (None, "No such file"),
    ],
)
def test_what_holds_no_rows_is_refused(tmp_path, capsys, text, said):
    rows = tmp_path / "comparison_results.json"
    if text is not None:
        rows.write_text(text)

    assert publish([str(rows), "--runs", str(tmp_path), "--out", str(tmp_path / "out")]) == 1

    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_page_needs_nothing_from_elsewhere(rows):
    page = render_page(rows, results(rows, "sagan"), np.zeros((8, 8, 3), np.uint8))

    assert "https://" not in page
    assert " src=" not in page.replace(' src="data:', "")
    assert "SNGAN-projection" in page  # the paper's, apart
    assert "18.65" in page


def test_the_page_names_each_pairs_p(rows):
    rows = [*rows, row("gone", 0, status="diverged")]
    found = results(rows, "sagan")

    page = render_page(rows, found, None)

    (far,) = (
        one
        for one in found["contrasts"]
        if (one["variant"], one["metric"]) == ("far", "fd_classifier")
    )
    p = f'<br><span class="quiet">p {far["p"]:.2g}</span></td>'
    assert f'<td><span class="better">better</span>{p}' in page
    assert '<td><span class="within-noise">within noise</span><br>' in page


def test_a_warning_of_the_evaluation_is_told_once_with_its_runs(rows):
    said = "recognised: {}% of the samples show their class, by chance 10.0%"
    for number, one in enumerate(rows):
        one["evaluation_warnings"] = ["intra-class distance: of few images"]
        if number in (1, 3):
            one["evaluation_warnings"].append(said.format(9 + number))
    first, other = (f"{rows[n]['variant']}, seed {rows[n]['seed']}" for n in (1, 3))
    assert results(rows, "sagan")["warnings"] == [
        "intra-class distance: of few images",
        f"{first}: {said.format(10)} (also, with figures of their own: {other})",
    ]


def test_a_warning_that_every_run_has_names_no_list_of_runs(rows):
    for number, one in enumerate(rows):
        one["evaluation_warnings"] = [f"recall: the samples cover {number}% of the real images"]
    first = f"{rows[0]['variant']}, seed {rows[0]['seed']}"
    assert results(rows, "sagan")["warnings"] == [
        f"{first}: recall: the samples cover 0% of the real images "
        "(also, with figures of their own: all other runs)"
    ]


def test_one_score_of_each_run_is_no_learning_curve(rows):
    assert "Learning curves" in render_page(rows, results(rows, "sagan"), SHEET)
    for one in rows:
        one["curve"] = one["curve"][-1:]
    assert "Learning curves" not in render_page(rows, results(rows, "sagan"), SHEET)
