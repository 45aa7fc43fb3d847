"""What a study leaves: parameters to train with, a page that needs nothing beside itself."""

import re

import pytest
import yaml
from playwright.sync_api import expect

from sagan.common.schema import deep_merge
from sagan.training.config import TrainingConfig
from sagan.tuning.results import summarise_study
from tests.browser import browser
from tests.looked_at import on_a_phone
from tests.program import program
from tests.tuning.conftest import TRAINING

adopt = program("tune", "adopt")

__all__ = ["browser"]  # a fixture


@pytest.fixture
def worked(opened):
    """A study with chosen values, one a trial; None: pruned; a text: failed, for this reason."""

    def work(values, **changes):
        spec, queue = opened(trials=len(values), **changes)
        for value in values:
            trial = queue.claim()
            if value is None:
                trial.report(9.5, 1)
                trial.report(9.0, 2)
                queue.prune(trial)
            elif isinstance(value, str):
                queue.fail(trial, value)
            else:
                queue.complete(trial, value if isinstance(value, list) else [value])
        return summarise_study(spec, queue)

    return work


def test_the_best_parameters_are_training_parameters(worked):
    result = worked([3.0, 2.0, 4.0])
    best = result.results["best"][0]
    assert best["number"] == 1
    tuned = yaml.safe_load(result.best_parameters)
    assert list(tuned) == ["training"]
    training = TrainingConfig.model_validate(deep_merge(TRAINING, tuned["training"]))
    assert training.generator_lr == best["parameters"]["generator_lr"]
    assert training.discriminator_steps == best["parameters"]["discriminator_steps"]
    told = best["parameters"]["model.generator.attention_resolutions"]
    assert list(training.model.discriminator.attention_resolutions) == told
    assert "# the parameters files' own values: fd_classifier 3\n" in result.best_parameters
    assert "sagan tune adopt" in result.best_parameters


def test_it_is_said_where_nothing_was_better(worked):
    result = worked([1.0, 2.0])
    assert "these are the values of the parameters files: no trial was better" in (
        result.best_parameters
    )


def test_the_page_has_all_plots_and_needs_no_network(worked):
    page = worked([3.0, 2.0, 4.0, None, 1.0], pruner={}).report
    for title in (
        "History of fd_classifier",
        "Parameter importance for fd_classifier",
        "fd_classifier over each parameter",
        "Parallel coordinates for fd_classifier",
        "fd_classifier while training",
    ):
        assert f"<h2>{title}</h2>" in page
    assert page.count("<svg ") == 6, "three slices"
    outside = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"([^\"]+)", page)
    assert outside == ["data:,"]
    assert "pruned</dt><dd>1</dd>" in page


def test_the_reason_of_a_failed_trial_stands_beside_its_state(worked):
    """Behind a dozen columns of numbers nobody would see it."""
    page = worked([3.0, "out of memory"]).report
    assert re.search(r">1</td><td[^>]*>failed: out of memory</td>", page)


def test_a_parameter_that_no_trial_changed_has_no_importance(worked):
    points = {"low": {"generator_lr": 0.0002}, "high": {"generator_lr": 0.0008}}
    page = worked([3.0, 2.0], warm_starts=points).report
    importance = page.partition("<h2>Parameter importance")[2].partition("<h2>")[0]
    assert "generator_lr" in importance
    assert "discriminator_steps" not in importance


def test_trials_of_one_score_have_no_curve(worked):
    assert "while training</h2>" not in worked([3.0, 2.0]).report


def test_the_page_is_drawn_on_a_phone_at_night(worked, browser, tmp_path):
    html = worked([300.0, 2.0, 40.0, 1.0]).report
    with on_a_phone(browser, html, tmp_path) as page:
        expect(page.locator("svg.chart").first).to_be_visible()
        ticks = page.locator("svg.chart text").all_text_contents()
        assert {"5", "20", "200"} <= {text.strip() for text in ticks}, "a logarithmic axis"


def test_the_page_of_several_objectives_has_a_front(worked):
    result = worked(
        [[3.0, 9.0], [2.0, 10.0], [4.0, 11.0]],
        objectives=["fd_classifier", "train_seconds"],
        pruner=None,
    )
    assert [record["number"] for record in result.results["best"]] == [1, 0]
    assert "<h2>Pareto front</h2>" in result.report
    assert "<h2>History of train_seconds</h2>" in result.report
    assert "1 more on the Pareto front" in result.best_parameters


def test_a_study_with_one_trial_has_a_page_too(worked):
    page = worked([3.0]).report
    assert "History of fd_classifier" in page
    assert "depends on" not in page


@pytest.fixture
def project(tmp_path):
    """A project's conf, with the best parameters where the pipeline leaves them."""
    for env, root in (("base", "data"), ("photos", "data/photos")):
        folder = tmp_path / "conf" / env
        folder.mkdir(parents=True)
        (folder / "globals.yml").write_text(f"data_root: {root}\n")
        (tmp_path / root / "08_reporting").mkdir(parents=True)
    base = {"training": {"generator_lr": 0.1, "betas": [0.0, 0.9], "model": {"x": {"y": 1}}}}
    (tmp_path / "conf/base/parameters_training.yml").write_text(yaml.safe_dump(base))
    (tmp_path / "conf/photos/parameters_training.yml").write_text("training: {batch_size: 7}\n")
    best = "# a story\ntraining:\n  generator_lr: 0.2\n  model: {x: {y: 1}}\n"
    for root in ("data", "data/photos"):
        (tmp_path / root / "08_reporting" / "best_parameters.yml").write_text(best)
    return tmp_path


def test_adopting_makes_an_environment_and_shows_the_diff(project, capsys):
    conf = ["--conf", str(project / "conf")]
    assert adopt([*conf]) == 0
    written = (project / "conf/tuned/parameters_training.yml").read_text()
    assert written.startswith("# a story\n")
    assert yaml.safe_load(written)["training"] == {"generator_lr": 0.2, "model": {"x": {"y": 1}}}
    assert sorted(path.name for path in (project / "conf/tuned").iterdir()) == [
        "parameters_training.yml"
    ]
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "  training.generator_lr: 0.1 -> 0.2"
    assert "model" not in said
    assert "kedro run --pipeline=train --env=tuned" in said

    assert adopt([*conf]) == 1
    assert "exists already; --force replaces it" in capsys.readouterr().err
    assert adopt([*conf, "--force"]) == 0


def test_adopting_what_was_tuned_in_an_environment_keeps_the_environment(project):
    conf = ["--conf", str(project / "conf")]
    assert adopt([*conf, "--env", "photos", "--as", "photos_tuned"]) == 0
    target = project / "conf/photos_tuned"
    laid = yaml.safe_load((target / "parameters_training.yml").read_text())["training"]
    assert laid == {"batch_size": 7, "generator_lr": 0.2, "model": {"x": {"y": 1}}}
    assert (target / "globals.yml").read_text() == "data_root: data/photos\n"


def test_the_base_environment_is_adopted_as_without_its_name(project):
    """DVC's stages name it; a copy of all its files would not follow them."""
    assert adopt(["--conf", str(project / "conf"), "--env", "base"]) == 0
    written = [path.name for path in (project / "conf/tuned").iterdir()]
    assert written == ["parameters_training.yml"]


def test_what_all_trials_had_and_is_not_adopted_is_told(project, capsys):
    """Such as the batch-norm statistics that an adopted average needs; the budget is the user's."""
    study = {"training": {"total_images": 8, "batch_size": 7, "standing_batches": 100}}
    (project / "conf/photos/parameters_tuning.yml").write_text(yaml.safe_dump({"tuning": study}))
    words = ["--conf", str(project / "conf"), "--env", "photos", "--as", "photos_tuned"]
    assert adopt(words) == 0
    _, heading, said = capsys.readouterr().out.partition("not adopted, set for all trials")
    assert heading
    assert said.splitlines()[1] == "  training.standing_batches: null -> 100"
    assert "total_images" not in said
    assert "batch_size" not in said  # as the environment has it


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--env", "phtos"], "no such environment 'phtos'; did you mean 'photos'?"),
        (["--conf", "nowhere"], "nowhere/base: no such folder; go to the project's folder"),
        (["--as", "base"], "--as base: choose a name of its own"),
        (["--best", "missing.yml"], "missing.yml does not exist; run `kedro run --pipeline=tune`"),
        (["--env", "photos", "--best", "missing.yml"], "--pipeline=tune --env=photos` first"),
    ],
)
def test_adopting_what_is_not_there_is_refused(project, words, said, capsys):
    assert adopt(["--conf", str(project / "conf"), *words]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training: [generator_lr\n", "is not valid YAML"),
        ("", "has no parameters of training; expected the best_parameters.yml of a study"),
        ("generator_lr: 0.2\n", "has no parameters of training"),
    ],
)
def test_adopting_what_is_no_studys_is_refused(project, text, said, capsys):
    (project / "data/08_reporting/best_parameters.yml").write_text(text)

    assert adopt(["--conf", str(project / "conf")]) == 1

    assert said in " ".join(capsys.readouterr().err.split())
    assert not (project / "conf/tuned").exists()
