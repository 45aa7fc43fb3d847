"""Rows of an earlier comparison: what is taken over, what is measured again, what is trained."""

import shutil

import pytest

from sagan.comparison.config import ComparisonConfig
from sagan.comparison.result_store import ResultStore
from sagan.comparison.variants import plan_runs
from sagan.metrics.config import EvaluationConfig
from sagan.training.config import TrainingConfig
from sagan.training.core.finite import NonFiniteError
from tests.comparison.small_comparison import PROTOCOL, TRAINING, VARIANTS, count_trainings


def test_what_was_measured_is_not_trained_again(compare, monkeypatch, tmp_path):
    first = compare(seeds=[0])
    started = count_trainings(monkeypatch)

    both = compare()

    assert both[:3] == first
    assert [seed for _, seed in started] == [1, 1, 1]
    renamed = ({"name": "ours", "recipe": "sagan"},)
    assert compare(variants=renamed, reference="ours", seeds=[1])[0]["variant"] == "ours"
    assert len(started) == 3
    (tmp_path / "comparison" / "rows").joinpath("torn.json").write_text("{")
    compare()
    assert len(started) == 3


def test_other_code_of_the_metrics_measures_again_what_is_trained(compare, monkeypatch, tmp_path):
    (before,) = compare(seeds=[0], variants=VARIANTS[:1])
    started = count_trainings(monkeypatch)
    monkeypatch.setattr("sagan.comparison.result_store.source_hash", lambda *_: "of other code")
    monkeypatch.setattr(
        "sagan.metrics.evaluate_generator.evaluate_generator",
        lambda *_, **__: {"fd_classifier": 7.0, "protocol": {"by": "other code"}, "warnings": []},
    )

    for _ in range(2):
        (row,) = compare(seeds=[0], variants=VARIANTS[:1])
        assert row["metrics"] == {"fd_classifier": 7.0}
        assert row["protocol"] == {"by": "other code"}
        assert row["curve"] == before["curve"]
    assert started == []

    shutil.rmtree(tmp_path / "comparison" / "runs" / row["bundle"])
    monkeypatch.setattr("sagan.comparison.result_store.source_hash", lambda *_: "of yet other code")
    compare(seeds=[0], variants=VARIANTS[:1])
    assert started == [("sagan", 0)]  # the generator is gone


def test_another_protocol_measures_again_what_is_trained(compare, monkeypatch, caplog):
    caplog.set_level("INFO")
    only = {"variants": VARIANTS[:1], "seeds": [0]}
    (before,) = compare(**only)
    started = count_trainings(monkeypatch)

    (more,) = compare(num_samples=24, **only)

    assert "1 runs, 0 of them up to date" in caplog.text
    assert "another protocol: measured again without training" in caplog.text
    assert more["protocol"]["samples"]["count"] == 24
    assert more["curve"] == before["curve"]
    assert started == []
    monkeypatch.setattr(
        "sagan.metrics.evaluate_generator.evaluate_generator",
        lambda *_, **__: pytest.fail("measured already by each protocol"),
    )
    assert compare(**only) == [before]
    assert compare(num_samples=24, **only) == [more]


def test_weights_that_a_bundle_does_not_have_are_trained_for(compare, monkeypatch, caplog):
    averaging = {"name": "sagan", "parameters": {"ema_decay": 0.9}}
    compare(variants=[averaging], seeds=[0])
    started = count_trainings(monkeypatch)
    caplog.set_level("INFO")

    (row,) = compare("raw", variants=[averaging], seeds=[0])

    assert row["protocol"]["samples"]["generator"]["weights"] == "raw"
    assert len(started) == 1
    assert "sagan, seed 0: trained again (" in caplog.text


def test_a_run_that_diverged_is_not_repeated_for_another_protocol(compare, monkeypatch):

    def diverging(*_, **__):
        raise NonFiniteError("generator", {"loss": float("nan")})

    only = {"variants": VARIANTS[:1], "seeds": [0]}
    with monkeypatch.context() as patch:
        patch.setattr("sagan.training.train", diverging)
        (before,) = compare(**only)
    started = count_trainings(monkeypatch)

    assert compare(num_samples=24, **only) == [before]
    assert before["status"] == "diverged"
    assert started == []


def test_another_generator_of_the_same_run_has_a_row_of_its_own(shards, tmp_path):
    store = ResultStore(tmp_path, shards, EvaluationConfig(**PROTOCOL))
    config = ComparisonConfig(variants=VARIANTS[:1], seeds=[0])

    last, best = (
        plan_runs(config, TrainingConfig(**TRAINING | {"export": export}), shards)[0]
        for export in ("last", "best")
    )

    store.save(last, {"metrics": {}})
    assert store.load(last) is not None
    assert store.load(best) is None
