"""Scores while training: what they choose, and that the run never notices them."""

import json
import math
import sys

import pytest
import torch
from pydantic import ValidationError

from sagan.metrics.config import EvaluationConfig
from sagan.metrics.evaluate_generator import evaluate_generator
from sagan.processes.signals import TrainingInterrupted
from sagan.training import train
from sagan.training.monitor.scoring import Score, Scorer
from sagan.training.store.checkpoints import CheckpointError, CheckpointStore
from tests.small_world import SCORING
from tests.training.whole_runs import Stop, assert_equal_states, final_state


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """Shared, so that the classifier is trained once."""
    return tmp_path_factory.mktemp("features")


def following(monkeypatch, values):
    """Scores come out as these values, one after another."""
    left = iter(values)

    def evaluate(*arguments, **keywords):
        return {"fd_classifier": next(left), "recall": 0.5, "warnings": []}

    monkeypatch.setattr("sagan.metrics.evaluate_generator.evaluate_generator", evaluate)


def run_folder(workspace):
    return next(workspace.glob("*/identity.json")).parent


def test_scores_change_nothing_of_the_run(tiny, shards, complete_runs, features, tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()

    scored = train(tiny(scoring=SCORING), shards, tmp_path / "scored", feature_cache=features)

    assert torch.equal(torch.get_rng_state(), before)
    ours, theirs = (
        final_state(runs) | {"watched": None} for runs in (tmp_path / "scored", complete_runs)
    )
    assert_equal_states(ours, theirs)
    assert scored.summary["fingerprint"]["run"] == run_folder(complete_runs).name
    assert [score.images_seen for score in scored.scores] == [12, 24, 36, 40]
    assert all(score.value == score.scores["fd_classifier"] > 0 for score in scored.scores)
    assert {"recognised", "diversity_mean"} <= scored.scores[0].scores.keys()


def test_raw_weights_may_be_scored_beside_an_average(tiny, shards, features, tmp_path):
    raw = SCORING | {"evaluation": SCORING["evaluation"] | {"weights": "raw"}}

    run = train(tiny(scoring=raw), shards, tmp_path, feature_cache=features)

    found = {
        weights: evaluate_generator(
            run.bundle,
            shards,
            EvaluationConfig(**raw["evaluation"] | {"weights": weights}),
            features,
        )["fd_classifier"]
        for weights in ("raw", "ema")
    }
    assert run.scores[-1].value == pytest.approx(found["raw"], rel=1e-4)
    assert found["ema"] != pytest.approx(found["raw"], rel=1e-3)


def test_the_best_checkpoint_is_kept_and_exported(tiny, shards, tmp_path, monkeypatch):
    following(monkeypatch, [3.0, 1.0, 2.0, 4.0])
    config = {"scoring": SCORING, "keep_checkpoints": 1}

    last = train(tiny(**config), shards, tmp_path)
    assert last.bundle.facts["images_seen"] == 40
    store = CheckpointStore(run_folder(tmp_path), keep=1)
    assert store.load_best()["images_seen"] == 24

    best = train(tiny(**config, export="best"), shards, tmp_path)  # not trained again
    assert best.bundle.facts["images_seen"] == 24
    assert best.bundle.facts["checkpoint"] == "best"
    assert best.summary["images_seen"] == 40


def test_of_a_score_that_should_be_high_the_highest_is_the_best(tiny, shards, tmp_path):
    scoring = SCORING | {"metric": "recognised"}

    scores = train(tiny(scoring=scoring), shards, tmp_path).scores

    state = CheckpointStore(run_folder(tmp_path), keep=1).load_best()
    assert state["images_seen"] in {
        s.images_seen for s in scores if s.value == max(s.value for s in scores)
    }


@pytest.mark.parametrize("moment", ["before", "amid"])
def test_a_run_that_ends_at_a_score_has_saved_and_makes_up_for_it(
    tiny, shards, tmp_path, monkeypatch, moment
):
    """Asked to stop before it, or killed amid: it may take longer than a run is given."""
    following(monkeypatch, [3.0, 1.0, 2.0, 4.0])
    config = tiny(scoring=SCORING, keep_checkpoints=1, checkpoint_every_images=1000)
    with monkeypatch.context() as patch:
        if moment == "before":
            Stop(patch, steps=6)
            ended = TrainingInterrupted
        else:
            ended = EnoughError
            original, scored = Scorer.score, []

            def killed(scorer, state):
                scored.append(None)
                if len(scored) == 2:
                    raise EnoughError
                return original(scorer, state)

            patch.setattr(Scorer, "score", killed)
        with pytest.raises(ended):
            train(config, shards, tmp_path)
    assert final_state(tmp_path)["images_seen"] == 24

    scores = train(config, shards, tmp_path).scores

    assert [(s.images_seen, s.value) for s in scores] == [(12, 3), (24, 1), (36, 2), (40, 4)]
    store = CheckpointStore(run_folder(tmp_path), keep=1)
    assert store.load_best()["images_seen"] == 24


@pytest.mark.parametrize(
    "change",
    [{"metric": "recall"}, {"evaluation": SCORING["evaluation"] | {"num_samples": 24}}],
    ids=["metric", "evaluation"],
)
def test_scores_of_another_kind_are_not_compared(tiny, shards, tmp_path, monkeypatch, change):
    """Neither whether a recall is less than a distance, nor distances of other sample counts."""
    following(monkeypatch, [3.0, 1.0, 2.0, 4.0])
    train(tiny(scoring=SCORING), shards, tmp_path)

    with pytest.raises(CheckpointError, match=r"has a score by \w+ under training\.scoring\.evalu"):
        train(tiny(scoring=SCORING | change, export="best"), shards, tmp_path)

    elsewhere = SCORING | {"evaluation": SCORING["evaluation"] | {"batch_size": 3}}
    best = train(tiny(scoring=elsewhere, export="best"), shards, tmp_path)
    assert best.bundle.facts["images_seen"] == 24


def test_a_score_that_is_not_finite_is_never_the_best(tiny, shards, tmp_path, monkeypatch):
    following(monkeypatch, [math.nan, 3.0, math.inf, math.nan])

    result = train(tiny(scoring=SCORING, export="best"), shards, tmp_path)

    assert result.bundle.facts["images_seen"] == 24
    assert math.isnan(result.scores[0].value)
    for line in (run_folder(tmp_path) / "journal.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=pytest.fail)  # plain JSON knows no NaN


def test_without_any_finite_score_there_is_no_best(tiny, shards, tmp_path, monkeypatch):
    following(monkeypatch, [math.nan] * 4)

    with pytest.raises(CheckpointError, match=r"no checkpoint in .* has a score"):
        train(tiny(scoring=SCORING, export="best"), shards, tmp_path)


class EnoughError(Exception):
    pass


def test_who_follows_the_scores_may_end_the_run(tiny, shards, tmp_path, monkeypatch):
    following(monkeypatch, [3.0, 2.0, 1.0, 0.5])
    followed: list[Score] = []

    def follow(score):
        followed.append(score)
        if score.images_seen == 24 and len(followed) == 2:
            raise EnoughError

    with pytest.raises(EnoughError):
        train(tiny(scoring=SCORING), shards, tmp_path, on_score=follow)
    assert final_state(tmp_path)["images_seen"] == 24

    train(tiny(scoring=SCORING), shards, tmp_path, on_score=follow)
    assert [s.value for s in followed] == [3.0, 2.0, 3.0, 2.0, 1.0, 0.5]  # told again, then on


def test_what_cannot_be_scored_is_refused_at_the_door(tiny, shards, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))
    inception = SCORING | {"evaluation": {"features": "inception", "num_samples": 12}}

    with pytest.raises(FileNotFoundError, match="pt_inception"):
        train(tiny(scoring=inception), shards, tmp_path / "runs")
    averaged = SCORING | {"evaluation": SCORING["evaluation"] | {"weights": "ema"}}
    with pytest.raises(ValidationError, match="weights: ema was asked for, but ema_decay is null"):
        tiny(scoring=averaged, ema_decay=None)
    assert tiny(scoring=averaged | {"every_images": 0}, ema_decay=None).ema_decay is None
    with pytest.raises(ValueError, match="scores during training need one process"):
        train(tiny(devices=2), shards, tmp_path / "runs", on_score=print)
    with pytest.raises(ValidationError, match="did you mean 'recall'"):
        tiny(scoring=SCORING | {"metric": "recal"})
    with pytest.raises(ValidationError, match=r"export: best needs scores"):
        tiny(export="best")
    assert not (tmp_path / "runs").exists()


def test_a_protocol_that_does_not_give_the_metric_says_what_it_gives(
    tiny, shards, features, tmp_path
):
    config = tiny(scoring=SCORING | {"metric": "recall"})

    with pytest.raises(ValueError, match=r"gives no 'recall', but fd_classifier"):
        train(config, shards, tmp_path, feature_cache=features)


def test_a_library_that_scores_need_is_missed_before_training(tiny, shards, tmp_path, monkeypatch):
    monkeypatch.setitem(
        sys.modules, "sagan.metrics.evaluate_generator", None
    )  # as if not importable
    with pytest.raises(ModuleNotFoundError, match="evaluate_generator"):
        train(tiny(scoring={"every_images": 12}), shards, tmp_path)
    assert not list(tmp_path.iterdir())
