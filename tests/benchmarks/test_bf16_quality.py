import pytest

from benchmarks.bf16_quality import PRECISIONS, SCORES, standard_error, summarise, table


def results(*, bf16_recognised, seeds=3):
    scores = {"fp32": [0.99, 1.0, 0.98], "bf16": bf16_recognised}
    return {
        (precision, seed): dict.fromkeys(SCORES, 0.8) | {"recognised": scores[precision][seed]}
        for precision in PRECISIONS
        for seed in range(seeds)
    }


def test_as_good_within_the_spread_of_seeds():
    summary = summarise(results(bf16_recognised=[0.985, 0.985, 0.985]))

    assert summary["as_good"] is True
    assert summary["seeds"] == 3
    assert summary["recognised_fp32"] == pytest.approx(0.99)
    assert summary["recognised_bf16"] == pytest.approx(0.985)


def test_worse_beyond_it():
    assert summarise(results(bf16_recognised=[0.95, 0.95, 0.95]))["as_good"] is False


def test_a_luckily_small_spread_still_leaves_half_a_point():
    assert standard_error([[0.9, 0.9], [0.9, 0.9]]) == 0
    seen = results(bf16_recognised=[0.99, 1.0, 0.98])
    for result in seen.values():
        result["diversity_mean"] = 0.8
    seen["bf16", 0]["diversity_mean"] -= 0.012  # a mean 0.004 lower
    assert summarise(seen)["as_good"] is True


def test_a_line_a_run():
    assert len(table(results(bf16_recognised=[0.9, 0.9, 0.9])).splitlines()) == 1 + 6
