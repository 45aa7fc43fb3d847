"""A user's mistake ends in one clear message and status 1, without a traceback."""

import re
from pathlib import Path

import pytest
import torch

from tests.integration.conftest import ROOT, command_in, copy_finished, run_here


def refused(project: Path, *options: str) -> str:
    """Run, expect a refusal, and return the message."""
    done = run_here(project, *options)
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    assert done.stderr.count("Error: ") == 1
    return done.stderr.partition("Error: ")[2]


def test_unknown_pipeline_names_the_nearest(project: Path) -> None:
    message = refused(project, "--pipeline=trian")
    assert message == "unknown pipeline 'trian'; did you mean 'train'?\n"


def test_unknown_environment_names_the_nearest(project: Path) -> None:
    message = refused(project, "--env=tiny_imagnet64")
    assert message == "unknown environment 'tiny_imagnet64'; did you mean 'tiny_imagenet64'?\n"


def test_unknown_environment_unlike_any_lists_all(project: Path) -> None:
    folders = ", ".join(sorted(path.name for path in (ROOT / "conf").iterdir() if path.is_dir()))
    assert f"folders of conf/: {folders}" in refused(project, "--env=nope")


def test_every_wrong_parameter_is_told_at_once_with_path_got_and_expected(project: Path) -> None:
    """Those of a pipeline that is not run too: Kedro would ignore them."""
    message = refused(
        project,
        "--pipeline=acquisition",
        "--params=training.batch_sise=1,training.generator_lr=-1,trainning.x=2,"
        "preprocessing.image_size=17,training.model.generator.base_chanels=8",
    )
    for line in (
        "unknown key 'trainning'; did you mean 'training'?",
        "training: unknown key 'batch_sise'; did you mean 'batch_size'?",
        "preprocessing.image_size: no networks for images of 17 px",
        "unknown key 'base_chanels'; did you mean 'base_channels'?",
        "training.generator_lr: got -1; input should be greater than 0",
    ):
        assert line in message
    assert message.startswith("5 wrong parameters (conf/*/parameters_*.yml or --params):\n")


def test_a_parameter_that_the_environments_protocol_sets_is_refused(project: Path) -> None:
    message = refused(
        project, "--env=my_images", "--params=evaluation.num_samples=500,evaluation.seed=1"
    )
    assert message == (
        "evaluation.protocol=quick sets num_samples itself; add evaluation.protocol=null to "
        "measure by other values\n"
    )


def test_misspelt_key_deep_inside_is_named_by_its_path(project: Path) -> None:
    message = refused(project, "--params=training.model.generator.base_chanels=8")
    expected = "training.model.generator: unknown key 'base_chanels'; did you mean 'base_channels'?"
    assert expected in message


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("training:\n  batch_size: [1\n  seed: 2\n", r"line 3, column \d+: expected ',' or '\]'"),
        ("training:\n  seed: 1\n  seed: 2\n", "line 3, column 3: found duplicate key seed"),
        ("training: !!python/object/apply:os.system [echo]\n", "could not determine a constructor"),
    ],
)
def test_faulty_yaml_is_named_by_file_and_line(own_project: Path, text: str, fault: str) -> None:
    (own_project / "conf" / "local" / "parameters.yml").write_text(text)
    message = refused(own_project, "--pipeline=acquisition")
    assert re.match(rf"conf/local/parameters\.yml, .*{fault}.*; not valid YAML\n$", message), (
        message
    )


def test_cuda_without_cuda_is_refused(
    finished_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    message = refused(finished_project, "--pipeline=training", "--params=training.device=cuda")
    assert "cuda" in message.lower()


def test_pipeline_run_too_early_says_what_is_missing(project: Path) -> None:
    message = refused(project, "--pipeline=reporting")
    assert "does not exist" in message
    assert "kedro run --pipeline=train" in message
    assert not list((project / "data").rglob("*.saving"))


def test_missing_image_folder_is_told_with_the_expected_layout(project: Path) -> None:
    message = refused(
        project,
        "--pipeline=acquisition",
        "--params=acquisition.source=folder,acquisition.path=/no/such/folder",
    )
    assert "/no/such/folder" in message
    assert "train/<class>/" in message


def test_nested_image_folder_is_told(project: Path, tmp_path: Path) -> None:
    (tmp_path / "images" / "train" / "train" / "cat").mkdir(parents=True)
    options = f"--params=acquisition.source=folder,acquisition.path={tmp_path / 'images'}"
    message = refused(project, "--pipeline=acquisition", options)
    assert str(tmp_path / "images") in message


def test_inception_weights_are_asked_for_before_anything_runs(project: Path) -> None:
    message = refused(
        project,
        "--params=evaluation.features=inception,evaluation.inception_weights=/no/such/weights.pth",
    )
    assert "/no/such/weights.pth" in message


def test_training_for_a_later_evaluation_is_warned_of_missing_weights(
    finished_project: Path, tmp_path: Path
) -> None:
    copy = copy_finished(finished_project, tmp_path / "project")
    options = "evaluation.features=inception,evaluation.inception_weights=/no/such/weights.pth"
    done = command_in(copy)("kedro", "run", "--pipeline=training", f"--params={options}")
    assert done.returncode == 0, done.stderr
    assert "training continues, but: " in done.stderr
    assert "/no/such/weights.pth" in done.stderr


def test_traceback_is_kept_in_the_log_file_and_shown_when_asked_for(own_project: Path) -> None:
    run = command_in(own_project)
    refused = run("kedro", "run", "--pipeline=reporting")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert refused.stderr.count("Error: ") == 1
    log = (own_project / "info.log").read_text()
    assert "Traceback" in log
    assert "does not exist" in log
    done = run("kedro", "run", "--pipeline=reporting", "--verbose")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
