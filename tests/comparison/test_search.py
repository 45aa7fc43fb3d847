"""Each variant's parameters, chosen by short runs before the comparison."""

import pytest
from pydantic import ValidationError

from sagan.comparison.config import ComparisonConfig
from sagan.comparison.page import markdown_table, render_page, results
from sagan.comparison.search import choose_candidates, search_config
from sagan.training.core.finite import NonFiniteError
from tests.comparison.fabricated_rows import row
from tests.comparison.small_comparison import VARIANTS, count_trainings

CANDIDATES = ({"generator_lr": 0.002}, {"generator_lr": 0.0001, "betas": [0.5, 0.9]})
SEARCH = {"candidates": CANDIDATES, "total_images": 4}


def test_each_variant_trains_with_its_best_candidate(compare, monkeypatch):
    trained = []
    import sagan.training

    original = sagan.training.train

    def remembered(config, *arguments, **keywords):
        trained.append((config.seed, config.total_images, config.generator_lr))
        return original(config, *arguments, **keywords)

    monkeypatch.setattr(sagan.training, "train", remembered)
    rows = compare(variants=VARIANTS[:2], seeds=[0], search=SEARCH)

    assert trained[:4] == [(1000, 4, rate) for rate in (0.002, 0.002, 0.0001, 0.0001)]
    for made, found in zip(trained[4:], rows, strict=True):
        records = found["search"]
        best = min(records, key=lambda record: record["value"])
        assert [record["chosen"] for record in records] == [record is best for record in records]
        assert {record["score"] for record in records} == {"fd_classifier"}
        assert made == (0, 8, best["parameters"]["generator_lr"])

    started = count_trainings(monkeypatch)
    assert compare(variants=VARIANTS[:2], seeds=[0], search=SEARCH) == rows
    assert started == []


def test_a_candidate_that_diverges_is_not_chosen(compare, monkeypatch):
    from sagan.training import train as original

    def diverging(config, *arguments, **keywords):
        if config.generator_lr == 0.002:
            raise NonFiniteError("discriminator", {"loss": float("nan")})
        return original(config, *arguments, **keywords)

    monkeypatch.setattr("sagan.training.train", diverging)
    (found,) = compare(variants=VARIANTS[:1], seeds=[0], search=SEARCH)

    assert [record["value"] is None for record in found["search"]] == [True, False]
    assert [record["chosen"] for record in found["search"]] == [False, True]
    assert found["status"] == "trained"


def test_where_all_diverge_the_first_candidate_is_kept():
    config = ComparisonConfig(variants=VARIANTS[:1], search=SEARCH)
    names = [variant.name for variant in search_config(config).variants]
    chosen, records = choose_candidates(
        config, [row(name, 1000, status="diverged") for name in names]
    )

    assert chosen.variants[0].parameters["generator_lr"] == 0.002
    assert [record["chosen"] for record in records["sagan"]] == [True, False]


def test_wrong_candidates_are_refused_before_anything_is_trained(compare, monkeypatch):
    started = count_trainings(monkeypatch)

    with pytest.raises(ValueError, match=r"sagan, candidate 1: .*did you mean 'generator_lr'"):
        compare(search={"candidates": [{"generator_ler": 1.0}]})
    with pytest.raises(ValueError, match=r"candidate 2: trains exactly as .*candidate 1"):
        compare(search={"candidates": [{"generator_lr": 0.002}] * 2})
    with pytest.raises(ValidationError, match=r"search\.seed: 0 is one of the comparison's seeds"):
        compare(search=SEARCH | {"seed": 0})
    assert started == []


def test_page_and_table_tell_how_parameters_were_chosen():
    records = [
        {"parameters": CANDIDATES[0], "score": "fd_classifier", "value": None, "chosen": False},
        {"parameters": CANDIDATES[1], "score": "fd_classifier", "value": 12.34, "chosen": True},
    ]
    rows = [row("sagan", seed, fd_classifier=3.0 + seed) | {"search": records} for seed in (0, 1)]
    found = results(rows, "sagan")

    page = render_page(rows, found, None)

    assert "generator_lr 0.0001, betas [0.5, 0.9]" in page
    assert "diverged</td>" in page
    assert "| sagan | generator_lr 0.0001, betas [0.5, 0.9] | 12.3 | yes |" in markdown_table(found)
