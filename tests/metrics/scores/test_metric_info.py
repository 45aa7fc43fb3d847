import pytest

from sagan.metrics.evaluate_generator import evaluate_generator
from sagan.metrics.scores.metric_info import lower_is_better
from tests.small_world import small_bundle


def test_every_score_of_an_evaluation_has_a_direction(shards, workspace, config, tmp_path):
    found = evaluate_generator(small_bundle(tmp_path / "bundle"), shards, config, workspace)
    scores = {name for name, value in found.items() if isinstance(value, int | float)}

    directions = {name: lower_is_better(name) for name in scores - {"memorisation"}}

    assert directions["fd_classifier"]
    assert not directions["recall"]
    assert not directions["recognised"]


def test_a_misspelt_score_names_the_nearest():
    with pytest.raises(ValueError, match="unknown score 'fd_clasifier'; did you mean 'fd_classifi"):
        lower_is_better("fd_clasifier")
    with pytest.raises(ValueError, match="unknown score 'memorisation'"):
        lower_is_better("memorisation")
