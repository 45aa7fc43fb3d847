"""A comparison of tiny networks: rows, interruption, and runs that fail."""

import json
import os
import re
import signal
import time

import pytest

from sagan.comparison.runner import ComparisonError
from sagan.processes.signals import TrainingInterrupted
from sagan.training.core.finite import NonFiniteError
from tests.comparison.small_comparison import VARIANTS, count_trainings


def test_a_row_for_every_variant_and_seed(compare, tmp_path):
    rows = compare()

    assert [(row["variant"], row["seed"]) for row in rows] == [
        (name, seed) for seed in (0, 1) for name in ("sagan", "acgan", "wide")
    ]
    assert len({row["metrics"]["fd_classifier"] for row in rows}) == len(rows)
    sagan, acgan, wide = rows[:3]
    assert acgan["recipe"] == "acgan"
    assert wide["recipe"] is None
    assert wide["parameters_generator"] > sagan["parameters_generator"]
    assert [point["images_seen"] for point in sagan["curve"]] == [4, 8]
    assert sagan["protocol"]["samples"]["count"] == 12
    assert "gamma/generator/8x8_attention" in sagan["attention"]
    json.dumps(rows, allow_nan=False)
    run = tmp_path / "comparison" / "runs" / sagan["run"]
    assert (run / "generator" / "config.json").is_file()
    assert not list(run.glob("checkpoint-*"))  # only while they are of use


def test_runs_are_compared_in_full_where_a_single_one_is_looked_at_quickly(compare):
    (row,) = compare(protocol="quick", variants=[{"name": "sagan"}], seeds=[0])

    assert row["protocol"]["samples"]["count"] == 12
    assert row["protocol"]["name"] is None


def test_raw_weights_may_be_compared_where_averages_are_kept(compare):
    averaging = {"name": "sagan", "parameters": {"ema_decay": 0.9}}

    (row,) = compare("raw", variants=[averaging], seeds=[0])

    assert row["protocol"]["samples"]["generator"]["weights"] == "raw"
    with pytest.raises(
        ValueError, match=r"\n  sagan: evaluation\.weights: ema was asked for"
    ) as told:
        compare("ema")
    assert len(str(told.value).splitlines()) == 1 + len(VARIANTS)


def test_a_stopped_comparison_goes_on(compare, monkeypatch):
    from sagan.training import run

    original, steps = run.training_loop, []

    def interrupted(*arguments):
        for record in original(*arguments):
            steps.append(record.images_seen)
            if len(steps) == 3:  # inside the second run
                os.kill(os.getpid(), signal.SIGTERM)
            yield record

    with monkeypatch.context() as patch:
        patch.setattr(run, "training_loop", interrupted)
        with pytest.raises(TrainingInterrupted):
            compare(seeds=[0])
        assert steps == [4, 8, 4]

    started = count_trainings(monkeypatch)
    assert len(compare(seeds=[0])) == 3
    assert started == [("acgan", 0), (None, 0)]


def test_a_comparison_stopped_while_it_measures_goes_on(compare, monkeypatch, caplog):
    from sagan.metrics import evaluate_generator as of_generator

    original, calls = of_generator.evaluate_generator, []

    def stopped(*arguments, **keywords):
        calls.append(1)
        if len(calls) <= 2:  # scores while it trains
            return original(*arguments, **keywords)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)  # an impatient second one
        return time.sleep(1)

    with monkeypatch.context() as patch:
        patch.setattr(of_generator, "evaluate_generator", stopped)
        with pytest.raises(TrainingInterrupted):
            compare(seeds=[0], variants=VARIANTS[:1])
    assert "SIGTERM: stopped; the same command resumes the run" in caplog.messages

    (row,) = compare(seeds=[0], variants=VARIANTS[:1])
    assert row["status"] == "trained"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_diverged_run_is_a_result(compare, monkeypatch):
    from sagan.training import train as original

    def diverging(config, *arguments, **keywords):
        if config.recipe == "acgan":
            raise NonFiniteError("discriminator", {"loss": float("nan")})
        return original(config, *arguments, **keywords)

    monkeypatch.setattr("sagan.training.train", diverging)

    sagan, acgan, wide = compare(seeds=[0])

    assert (sagan["status"], acgan["status"], wide["status"]) == ("trained", "diverged", "trained")
    assert "discriminator" in acgan["message"]
    assert acgan["metrics"] == {}


def test_runs_that_fail_are_told_after_the_others_were_made(compare, monkeypatch):
    from sagan.training import train as original

    errors = {"acgan": OSError(28, "No space left on device"), None: RuntimeError("cuDNN error")}

    def failing(config, *arguments, **keywords):
        if config.recipe in errors:
            raise errors[config.recipe]
        return original(config, *arguments, **keywords)

    three = (*VARIANTS[1:], VARIANTS[0])  # those that fail come first
    with monkeypatch.context() as patch:
        patch.setattr("sagan.training.train", failing)
        with pytest.raises(ComparisonError) as told:
            compare(seeds=[0], variants=three)
    assert re.search(r"2 of 3 runs failed[^:]*:\n  acgan, seed 0:.*No space", str(told.value))
    assert "wide, seed 0: RuntimeError: cuDNN error" in str(told.value)

    started = count_trainings(monkeypatch)
    assert [row["status"] for row in compare(seeds=[0], variants=three)] == ["trained"] * 3
    assert started == [("acgan", 0), (None, 0)]


def test_one_of_several_equal_processes_is_refused(compare, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(ValueError, match="torchrun started 2 processes"):
        compare()
