import json
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks import tuning
from benchmarks.tuning import difference, interval, summarise, table
from sagan.data.shards.store import ShardStore
from tests.small_world import small_shards


def results(tuned):
    """fd_classifier of three seeds each."""
    found = {}
    for seed, (default, value) in enumerate(zip([3.5, 3.9, 3.7], tuned, strict=True)):
        found["default", seed] = {"fd_classifier": default, "recall": 0.5 + seed / 100}
        found["tuned", seed] = {"fd_classifier": value, "recall": 0.5 + value / 1000}
    return found


def test_clearly_better_and_by_how_much():
    summary = summarise(results([2.5, 2.7, 2.6]), "fd_classifier")
    assert summary["better"] is True
    assert summary["seeds"] == [0, 1, 2]
    assert summary["default"]["fd_classifier"]["mean"] == pytest.approx(3.7)
    assert summary["tuned_minus_default"]["fd_classifier"]["mean"] == pytest.approx(-1.1)
    assert summary["tuned_minus_default"]["fd_classifier"]["high"] < 0


def test_within_the_noise_of_seeds_is_not_better():
    summary = summarise(results([3.1, 4.2, 3.4]), "fd_classifier")
    assert summary["tuned_minus_default"]["fd_classifier"]["mean"] < 0
    assert summary["better"] is False


def test_more_recall_is_better():
    assert summarise(results([2.5, 2.7, 2.6]), "recall")["better"] is False
    better = results([2.5, 2.7, 2.6])
    for (side, _), scores in better.items():
        scores["recall"] += side == "tuned"
    assert summarise(better, "recall")["better"] is True


def test_one_seed_shows_nothing():
    one = {key: scores for key, scores in results([1.0, 1.0, 1.0]).items() if key[1] == 0}
    summary = summarise(one, "fd_classifier")
    assert summary["tuned"]["fd_classifier"] == {"mean": 1.0, "low": None, "high": None, "n": 1}
    assert summary["better"] is False


def test_intervals_are_students_and_welchs():
    assert interval([1.0, 2.0, 3.0]) == {"mean": 2.0, "low": -0.4841, "high": 4.4841, "n": 3}
    # equal variances and counts: Welch's is Student's with 4 degrees of freedom
    found = difference([1.0, 2.0, 3.0], [2.0, 3.0, 4.0])
    assert found["mean"] == -1.0
    assert found["high"] - found["low"] == pytest.approx(2 * 2.7764 * (2 / 3) ** 0.5, abs=1e-3)


def test_a_line_a_run():
    assert len(table(results([1.0, 1.0, 1.0])).splitlines()) == 1 + 6


def test_distances_that_differ_by_a_factor_are_told_apart_though_the_larger_ones_vary():
    from benchmarks.tuning import chance

    tuned, default = (5.882, 3.48, 4.306), (28.56, 14.81, 12.2)

    assert chance(tuned, default, "fd_classifier") == pytest.approx(0.018, abs=0.005)
    assert chance(tuned, default, "train_seconds") > 0.05  # the same numbers, not as ratios
    assert chance(tuned[:1], default, "fd_classifier") is None
    assert chance([0.5, 0.5], [0.5, 0.5], "recall") is None  # JSON has no NaN


def test_an_objective_that_is_not_measured_is_refused_before_hours_of_training(monkeypatch, capsys):
    monkeypatch.setattr(tuning, "train", lambda *_: pytest.fail("was trained"))
    monkeypatch.setattr(sys, "argv", ["tuning", "--objective", "fid"])

    with pytest.raises(SystemExit) as refused:
        tuning.main()

    assert refused.value.code == 2
    assert "'fid' is not measured by this protocol" in capsys.readouterr().err


@pytest.fixture
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """After a study; of images of three classes."""
    record = {"path": str(small_shards(tmp_path).path)}
    (tmp_path / "05_model_input").mkdir()
    (tmp_path / "05_model_input/image_shards.json").write_text(json.dumps(record))
    (tmp_path / "08_reporting").mkdir()
    best = "training: {generator_lr: 0.0123}\n"
    (tmp_path / "08_reporting/best_parameters.yml").write_text(best)
    return tmp_path


def test_best_parameters_that_are_the_default_ones_are_not_tested(data_root, monkeypatch):
    """Both sides would be one run in one folder."""
    monkeypatch.setattr(tuning, "train", lambda *_: pytest.fail("was trained"))
    monkeypatch.setattr(sys, "argv", ["tuning", "--data-root", str(data_root)])
    base = yaml.safe_load(Path("conf/base/parameters_training.yml").read_text())["training"]
    best = {"training": {"generator_lr": base["generator_lr"]}}
    (data_root / "08_reporting/best_parameters.yml").write_text(yaml.safe_dump(best))
    with pytest.raises(SystemExit, match="has the default parameters: there is nothing to compare"):
        tuning.main()


def test_a_classifiers_features_of_one_class_are_refused_before_training(
    data_root, monkeypatch, capsys
):
    monkeypatch.setattr(ShardStore, "num_classes", 1)
    monkeypatch.setattr(tuning, "train", lambda *_: pytest.fail("was trained"))
    words = ["tuning", "--data-root", str(data_root), "--seeds", "1"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit):
        tuning.main()
    assert "inception, in a file given by --evaluation" in capsys.readouterr().err

    rotation = data_root / "rotation.yml"
    rotation.write_text("evaluation: {features: rotation}\n")
    monkeypatch.setattr(tuning, "train", lambda *_: {})
    monkeypatch.setattr(tuning, "evaluate", lambda *_: {"fd_rotation": 1.0})
    base = "conf/base/parameters_evaluation.yml"
    words += ["--evaluation", base, "--evaluation", str(rotation), "--objective", "fd_rotation"]
    assert tuning.main() == 1  # one run a side decides nothing


def test_of_several_files_of_the_evaluation_later_ones_win(data_root, monkeypatch):
    measured = []

    def evaluate(trained, shards, config, features):
        measured.append(config)
        return {"fd_classifier": 1.0}

    monkeypatch.setattr(tuning, "train", lambda *_: {})
    monkeypatch.setattr(tuning, "evaluate", evaluate)
    words = ["--data-root", str(data_root), "--seeds", "1"]
    for env in ("base", "my_images"):
        words += ["--evaluation", f"conf/{env}/parameters_evaluation.yml"]
    monkeypatch.setattr(sys, "argv", ["tuning", *words])

    tuning.main()

    config, other = measured
    assert config == other
    assert config.features == "classifier"  # of conf/base alone
    assert config.classifier.base_channels == 32  # 16 in conf/base
    assert config.protocol == "quick"
    assert config.num_samples == 1000  # as quick sets it; 5,000 in the file
    assert config.seed == tuning.LATENTS_SEED


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--seeds", "0"], "--seeds: expected a whole number of at least 1, got 0"),
        (["--jobs", "none"], "--jobs: expected a whole number of at least 1, got none"),
        (["--first-seed", "-1"], "--first-seed: expected a whole number of at least 0, got -1"),
    ],
)
def test_a_number_that_is_none_is_refused(monkeypatch, capsys, words, said):
    monkeypatch.setattr(tuning, "train", lambda *_: pytest.fail("was trained"))
    monkeypatch.setattr(sys, "argv", ["tuning", *words])

    with pytest.raises(SystemExit) as refused:
        tuning.main()

    assert refused.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith(said)
